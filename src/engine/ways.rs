//! What a lane remembers of many keys: a table in sets of a few places, so that a look-up compares a few entries at most,
//! and a full set costs one entry and not the whole table. It starts small and grows with the keys that a lane is used with,
//! up to a limit.

/// Places of a set.
const WAYS: usize = 8;
const FIRST_SETS: usize = 8;

/// What can be found again by a hash.
pub trait Hashed {
    fn hash(&self) -> u64;
}

pub struct Ways<E> {
    /// Sets one after another; their number is a power of two.
    places: Vec<Option<E>>,
    max_places: usize,
    /// Which place of a full set makes room next.
    turn: usize,
}

impl<E: Hashed> Ways<E> {
    /// `max_places` is a power of two.
    pub fn new(max_places: usize) -> Self {
        let places = std::iter::repeat_with(|| None).take(WAYS * FIRST_SETS).collect();
        Ways { places, max_places, turn: 0 }
    }

    fn set(&self, hash: u64) -> usize {
        (hash as usize).wrapping_mul(WAYS) & (self.places.len() - 1)
    }

    #[inline]
    pub fn find(&self, hash: u64, is_it: impl Fn(&E) -> bool) -> Option<usize> {
        let set = self.set(hash);
        let places = self.places.get(set..set + WAYS)?;
        let at = places.iter().position(|entry| entry.as_ref().is_some_and(&is_it))?;
        Some(set + at)
    }

    #[inline]
    pub fn get(&self, at: usize) -> Option<&E> {
        self.places.get(at)?.as_ref()
    }

    #[inline]
    pub fn get_mut(&mut self, at: usize) -> Option<&mut E> {
        self.places.get_mut(at)?.as_mut()
    }

    /// Puts an entry in the place of the one that it supersedes, else in a free one, else in that of another, which is
    /// given back. Says where.
    #[cold]
    pub fn put(&mut self, entry: E, supersedes: impl Fn(&E) -> bool) -> (usize, Option<E>) {
        let hash = entry.hash();
        let at = loop {
            if let Some(at) = self.find(hash, &supersedes) {
                break at;
            }
            let set = self.set(hash);
            let free = self.places.iter().skip(set).take(WAYS).position(Option::is_none);
            if let Some(at) = free {
                break set + at;
            }
            if self.places.len() >= self.max_places {
                self.turn = (self.turn + 1) % WAYS;
                break set + self.turn;
            }
            self.grow();
        };
        let old = self.places.get_mut(at).and_then(|place| place.replace(entry));
        (at, old)
    }

    fn grow(&mut self) {
        let places = self.places.len() * 2;
        let old = std::mem::take(&mut self.places);
        self.places = std::iter::repeat_with(|| None).take(places).collect();
        for entry in old.into_iter().flatten() {
            // A set becomes two, so there is a place for each of its entries.
            let set = self.set(entry.hash());
            if let Some(place) = self.places.iter_mut().skip(set).take(WAYS).find(|place| place.is_none()) {
                *place = Some(entry);
            }
        }
    }

    pub fn take_all(&mut self) -> impl Iterator<Item = E> {
        self.places.iter_mut().filter_map(Option::take)
    }

    /// Places that there are.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.places.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Entry {
        key: u64,
        value: u64,
    }

    impl Hashed for Entry {
        fn hash(&self) -> u64 {
            self.key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20
        }
    }

    fn put(table: &mut Ways<Entry>, key: u64, value: u64) -> Option<Entry> {
        table.put(Entry { key, value }, |old| old.key == key).1
    }

    fn value(table: &Ways<Entry>, key: u64) -> Option<u64> {
        let at = table.find(Entry { key, value: 0 }.hash(), |entry| entry.key == key)?;
        Some(table.get(at)?.value)
    }

    #[test]
    fn what_was_put_is_found_as_it_was_put_last() {
        let mut table = Ways::new(4096);
        for key in 0..1000 {
            assert!(put(&mut table, key, key + 1).is_none(), "there is room for {key}");
        }
        assert!((0..1000).all(|key| value(&table, key) == Some(key + 1)));
        assert_eq!(value(&table, 1000), None);
        let old = put(&mut table, 7, 70);
        assert_eq!(old.map(|old| (old.key, old.value)), Some((7, 8)));
        assert_eq!(value(&table, 7), Some(70));
        assert_eq!(table.take_all().count(), 1000);
        assert_eq!(value(&table, 7), None);
    }

    #[test]
    fn it_does_not_grow_beyond_its_limit_and_gives_back_what_makes_room() {
        let mut table = Ways::new(256);
        let ousted = (0..10_000).filter_map(|key| put(&mut table, key, 0)).count();
        assert_eq!(table.len(), 256);
        let kept = table.take_all().count();
        assert_eq!(ousted + kept, 10_000);
        assert!(kept > 200, "{kept}");
    }
}

//! Grants as they are cached: bucket by bucket (see `store::grants`), each when a decision asks for it for the first
//! time. A bucket is believed as long as its sum is what the key's index says, so a change to a key's grants costs a
//! reading of its index and of the bucket that has changed; and of that only what is new, if nothing has gone.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

use super::rules::add_grant;
use super::{Key, Keyring};
use crate::access::{Granted, TokenClaim};
use crate::crypto::uuid::Uuid;
use crate::error::{Error, Result};
use crate::store::Sum;
use crate::store::grants::{BucketGrants, GrantIndex};
use crate::store::record::GrantRecord;

/// Grants that may be cached for each key that may be.
const GRANTS_PER_KEY: usize = 16;

type Place = (Uuid, u8);

pub struct GrantCache {
    buckets: Cache<Place, Arc<Bucket>, Weight>,
    /// Held by whoever reads a bucket, so that no two read the same one.
    reading: Mutex<()>,
}

#[derive(Clone, Default)]
struct Bucket {
    sum: Sum,
    by_grantee: HashMap<Box<str>, Arc<Granted>>,
    /// At which it was last known to be so.
    revision: Arc<AtomicU64>,
}

#[derive(Clone)]
struct Weight;

impl Weighter<Place, Arc<Bucket>> for Weight {
    fn weight(&self, _place: &Place, bucket: &Arc<Bucket>) -> u64 {
        1 + bucket.by_grantee.values().map(|granted| granted.weight()).sum::<u64>()
    }
}

impl GrantCache {
    pub fn new(max_cached_keys: usize) -> Self {
        let capacity = max_cached_keys.saturating_mul(GRANTS_PER_KEY);
        // One shard: a bucket may be as large as all of them together.
        let options = OptionsBuilder::new()
            .estimated_items_capacity(capacity.min(256))
            .weight_capacity(capacity as u64)
            .shards(1)
            .build();
        let buckets = match options {
            Ok(options) => Cache::with_options(
                options,
                Weight,
                DefaultHashBuilder::default(),
                DefaultLifecycle::default(),
            ),
            // Only what is set twice or not at all is refused.
            Err(_) => Cache::with_weighter(256, capacity as u64, Weight),
        };
        GrantCache { buckets, reading: Mutex::new(()) }
    }
}

impl Bucket {
    fn add(&mut self, records: Vec<GrantRecord>) -> Result<()> {
        for record in records {
            match self.by_grantee.get_mut(record.grantee.as_str()) {
                Some(granted) => add_grant(Arc::make_mut(granted), record)?,
                None => {
                    let mut granted = Granted::default();
                    let grantee = record.grantee.as_str().into();
                    add_grant(&mut granted, record)?;
                    self.by_grantee.insert(grantee, Arc::new(granted));
                }
            }
        }
        Ok(())
    }

    fn of(&self, principal: &str) -> Option<Arc<Granted>> {
        self.by_grantee.get(principal).cloned()
    }
}

impl Keyring {
    /// What a principal is granted on a key.
    pub fn granted(&self, key: &Key, principal: &str) -> Result<Option<Arc<Granted>>> {
        if key.record.grants_sum.is_empty() {
            return Ok(None);
        }
        if let Some(granted) = self.known_granted(key, principal) {
            return Ok(granted);
        }
        let _alone = self.grants.reading.lock().unwrap_or_else(PoisonError::into_inner);
        // Someone else may have read it while this caller waited.
        match self.known_granted(key, principal) {
            Some(granted) => Ok(granted),
            None => self.read_granted(key, principal),
        }
    }

    /// None: it is not cached, or has changed.
    fn known_granted(&self, key: &Key, principal: &str) -> Option<Option<Arc<Granted>>> {
        let index = key.grants.get()?;
        let bucket = index.bucket(principal);
        let Some(sum) = index.sum(bucket) else { return Some(None) };
        let known = self.grants.buckets.get(&(key.uuid, bucket))?;
        (known.sum == sum).then(|| known.of(principal))
    }

    fn read_granted(&self, key: &Key, principal: &str) -> Result<Option<Arc<Granted>>> {
        let known: OnceCell<Arc<Bucket>> = OnceCell::new();
        let known_at = |bucket: u8| {
            let found = self.grants.buckets.get(&(key.uuid, bucket))?;
            let found = known.get_or_init(|| found);
            Some((found.sum, found.revision.load(Ordering::Relaxed)))
        };
        let choose = |index: &GrantIndex| index.bucket(principal);
        let Some(read) = self.store.read_bucket(&key.uuid, &choose, &known_at)? else { return Ok(None) };
        let place = (key.uuid, read.index.bucket(principal));
        let _ = key.grants.set(Box::new(read.index));
        let Some(sum) = read.sum else { return Ok(None) };
        let known = known.into_inner();
        let mut bucket = match (read.grants, known) {
            (BucketGrants::Known, Some(known)) => {
                known.revision.store(read.revision, Ordering::Relaxed);
                return Ok(known.of(principal));
            }
            (BucketGrants::Added(records), Some(known)) => {
                let mut bucket = Bucket::clone(&known);
                bucket.add(records)?;
                bucket
            }
            (BucketGrants::All(records), _) => {
                let mut bucket = Bucket::default();
                bucket.add(records)?;
                bucket
            }
            (_, None) => return Err(Error::Internal("grants beside those that nobody knows")),
        };
        (bucket.sum, bucket.revision) = (sum, Arc::new(AtomicU64::new(read.revision)));
        let granted = bucket.of(principal);
        self.grants.buckets.insert(place, Arc::new(bucket));
        Ok(granted)
    }

    /// Whether the grant of a token is there. What is cached takes it into account when this returns.
    pub fn sees_grant(&self, claim: &TokenClaim) -> Result<bool> {
        let Some((revision, _)) = self.store.grant(&claim.key, &claim.grant)? else { return Ok(false) };
        let known = *self.revision.lock().unwrap_or_else(PoisonError::into_inner);
        if revision > known {
            self.ask_now()?;
        }
        Ok(true)
    }
}

//! What the durability tests do to a store while its disk fails, and what must hold afterwards: every acknowledged
//! change is there, every blob that got out opens, the store is whole.

#![allow(dead_code)] // every test file uses its own part

use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::Ordering;

use kms::capi::constants::*;
use kms::test_hooks::SECONDS_AHEAD;

use crate::changes::CHANGES;
use crate::handle::{DataKey, Failure, Handle, Open, Outcome, status};
use crate::keys::NewKey;
use crate::store_file::{ROOT_KEY, StoreFile};

pub const NEW_ROOT_KEY: [u8; 32] = [0x77; 32];

/// SQLite's result code without its extension.
pub fn primary_code(failure: &Failure) -> i64 {
    failure.native_code & 0xff
}

/// A closed store in which all is prepared that the script changes, and what must survive in it.
pub struct Base {
    file: Vec<u8>,
    orders: DataKey,
    /// Under a version whose destruction is due.
    destroyed: DataKey,
    /// The material of that version, and of a key whose deletion is due.
    sealed: Vec<Vec<u8>>,
    backed_up: Vec<String>,
}

/// Days have passed by the time of the script: a version is to be destroyed, and a key deleted.
pub fn base() -> &'static Base {
    static BASE: OnceLock<Base> = OnceLock::new();
    BASE.get_or_init(|| {
        let file = StoreFile::new();
        let kms = file.create();
        for id in ["orders", "due", "deleted"] {
            kms.create(NewKey { id: Some(id), ..NewKey::default() }).expect("a key");
        }
        let [orders, destroyed] = ["orders", "due"].map(|id| kms.data_key(id).expect("a data key"));
        kms.rotate("due").expect("a rotation");
        let first = kms.versions("due").expect("versions")[0].id.clone();
        kms.schedule_destruction("due", &first).expect("to schedule");
        kms.schedule_deletion("deleted").expect("to schedule");
        SECONDS_AHEAD.fetch_add(40 * 86_400, Ordering::Relaxed);
        for (number, change) in CHANGES.iter().enumerate() {
            (change.prepare)(&kms, &id(number)).expect(change.name);
        }
        drop(kms);
        let bytes = file.bytes();
        let before = materials(&file);
        let kms = file.open().expect("the store");
        kms.flush().expect("to remove what is due");
        let backed_up = kms.list_keys().expect("keys").into_iter().map(|key| key.id).collect();
        drop(kms);
        let after = materials(&file);
        let sealed: Vec<_> = before.into_iter().filter(|row| !after.contains(row)).collect();
        assert_eq!(sealed.len(), 2);
        Base { file: bytes, orders, destroyed, sealed, backed_up }
    })
}

/// The sealed material in a closed store.
fn materials(file: &StoreFile) -> Vec<Vec<u8>> {
    let connection = file.sql();
    let mut rows = connection.prepare("SELECT sealed FROM row WHERE kind = 6").expect("rows");
    let sealed = rows.query_map([], |row| row.get(0)).expect("rows");
    sealed.map(|row| row.expect("a row")).collect()
}

fn id(number: usize) -> String {
    format!("key-{number}")
}

/// What the script was told.
#[derive(Default)]
pub struct Record {
    /// By number in CHANGES.
    acknowledged: Vec<usize>,
    /// Data keys that got out, and the change to their key before; whether it was acknowledged then.
    blobs: Vec<(usize, bool, DataKey)>,
    destroyed: bool,
    backed_up: bool,
    rekey_tried: bool,
    rekeyed: bool,
    /// Calls that failed, with what they said.
    pub failures: Vec<(&'static str, Failure)>,
    /// What was wrong already.
    pub problems: Vec<String>,
}

impl Record {
    fn noted<T>(&mut self, what: &'static str, outcome: Outcome<T>) -> bool {
        outcome.map_err(|failure| self.failures.push((what, failure))).is_ok()
    }
}

pub fn place(base: &Base) -> StoreFile {
    let file = StoreFile::new();
    file.replace(&base.file);
    file
}

/// Makes every kind of change, once each, and goes on after each failure. `retry` is called before what failed is
/// tried again.
pub fn run(base: &Base, file: &StoreFile, retry: Option<&dyn Fn()>) -> Record {
    let mut record = Record::default();
    // Somebody else, so that what SQLite does when the last connection is closed hides nothing before the end.
    let reader = file.open_flags(KMS_OPEN_READ_ONLY);
    let Some(kms) = open(&mut record, file, retry) else { return record };
    make_changes(&kms, base, file, &mut record);
    if let Some(retry) = retry {
        retry();
        make_what_is_missing(&kms, base, file, &mut record);
    }
    drop(reader);
    record
}

fn open(record: &mut Record, file: &StoreFile, retry: Option<&dyn Fn()>) -> Option<Handle> {
    let failure = match file.open() {
        Ok(kms) => return Some(kms),
        Err(failure) => failure,
    };
    record.failures.push(("open", failure));
    retry?();
    match file.open() {
        Ok(kms) => Some(kms),
        Err(failure) => {
            record.problems.push(format!("it does not open when the disk works again: {failure:?}"));
            None
        }
    }
}

fn make_changes(kms: &Handle, base: &Base, file: &StoreFile, record: &mut Record) {
    let before = record.failures.len();
    // First: other changes remove what deleted rows have left, too.
    destroy(kms, base, file, record);
    for (number, change) in CHANGES.iter().enumerate() {
        let outcome = (change.make)(kms, &id(number));
        let is_acknowledged = record.noted(change.name, outcome);
        if is_acknowledged {
            record.acknowledged.push(number);
        }
        if let Ok(data_key) = kms.data_key(&id(number)) {
            record.blobs.push((number, is_acknowledged, data_key));
        }
    }
    record.backed_up = record.noted("backup", kms.backup(&file.beside("-backup")));
    record.rekey_tried = true;
    record.rekeyed = record.noted("rekey", kms.rekey(&NEW_ROOT_KEY));
    if record.failures.len() > before {
        check_reading(kms, base, record);
    }
}

/// What is due is gone from the store's files when kms_flush says so.
fn destroy(kms: &Handle, base: &Base, file: &StoreFile, record: &mut Record) {
    record.destroyed = record.noted("destroy", kms.flush());
    if record.destroyed && holds(file, &base.sealed) {
        record.problems.push("destroyed, but still in the files".into());
    }
}

/// A disk that is full can still be read.
fn check_reading(kms: &Handle, base: &Base, record: &mut Record) {
    if crate::faulty_disk::is_broken() {
        return;
    }
    match kms.open_blob(&base.orders.ciphertext) {
        Ok(plaintext) => assert_eq!(plaintext, base.orders.plaintext),
        // A new root key that may or may not be durable: the handle says so.
        Err(failure) if failure.status == KMS_WRONG_ROOT_KEY && !record.rekeyed => {}
        Err(failure) => record.problems.push(format!("nothing can be read: {failure:?}")),
    }
}

/// On the same handle.
fn make_what_is_missing(kms: &Handle, base: &Base, file: &StoreFile, record: &mut Record) {
    for (number, change) in CHANGES.iter().enumerate() {
        if !record.acknowledged.contains(&number) {
            match make_if_not_made(kms, number) {
                Ok(()) => record.acknowledged.push(number),
                Err(failure) => record.problems.push(format!("{}, again: {failure:?}", change.name)),
            }
        }
    }
    let again = |what, outcome: Outcome<()>, record: &mut Record| {
        if let Err(failure) = outcome {
            record.problems.push(format!("{what}, again: {failure:?}"));
        }
    };
    if !record.destroyed {
        destroy(kms, base, file, record);
        again("destroy", if record.destroyed { Ok(()) } else { kms.flush() }, record);
    }
    if !record.backed_up {
        record.backed_up = !record.rekeyed;
        let outcome = kms.backup(&file.beside(if record.rekeyed { "-late" } else { "-backup" }));
        again("backup", outcome, record);
    }
    if !record.rekeyed {
        record.rekeyed = true;
        again("rekey", kms.rekey(&NEW_ROOT_KEY), record);
    }
    check_reading(kms, base, record);
}

fn make_if_not_made(kms: &Handle, number: usize) -> Outcome<()> {
    let change = &CHANGES[number];
    if (change.is_made)(kms, &id(number))? { Ok(()) } else { (change.make)(kms, &id(number)) }
}

/// What does not hold of a store after the script, on a disk that works again.
pub fn problems(base: &Base, file: &StoreFile, record: &Record) -> Vec<String> {
    let mut problems = record.problems.clone();
    let kms = match open_again(file, record) {
        Ok(kms) => kms,
        Err(problem) => return [problems, vec![problem]].concat(),
    };
    problems.extend(damages(&kms));
    for (number, change) in CHANGES.iter().enumerate() {
        let is_made = (change.is_made)(&kms, &id(number));
        match is_made {
            Ok(false) if record.acknowledged.contains(&number) => {
                problems.push(format!("lost: {}", change.name))
            }
            Err(failure) => problems.push(format!("{}: {failure:?}", change.name)),
            Ok(_) => {}
        }
    }
    for (number, was_acknowledged, data_key) in &record.blobs {
        problems.extend(check_blob(&kms, *number, *was_acknowledged, data_key));
    }
    if kms.open_blob(&base.orders.ciphertext).as_ref() != Ok(&base.orders.plaintext) {
        problems.push("a data key from before is lost".into());
    }
    let destroyed = status(&kms.open_blob(&base.destroyed.ciphertext));
    if destroyed != KMS_INVALID_STATE {
        problems.push(format!("a destroyed version opens a blob: {destroyed}"));
    }
    if record.destroyed && holds(file, &base.sealed) {
        problems.push("the destroyed material is still in the files".into());
    }
    if record.backed_up {
        problems.extend(check_backup(base, &file.beside("-backup")));
    }
    // And what was not made can be made now.
    for number in (0..CHANGES.len()).filter(|number| !record.acknowledged.contains(number)) {
        if let Err(failure) = make_if_not_made(&kms, number) {
            problems.push(format!("{}, after all: {failure:?}", CHANGES[number].name));
        }
    }
    problems.extend(damages(&kms));
    problems
}

fn damages(kms: &Handle) -> Vec<String> {
    kms.verify().unwrap_or_else(|failure| vec![format!("kms_verify: {failure:?}")])
}

/// Under the root key that was acknowledged last; under either if the change of it is uncertain.
fn open_again(file: &StoreFile, record: &Record) -> Result<Handle, String> {
    let open = |root_key: &[u8; 32]| Handle::open(&file.uri(), Open { root_key, ..Open::default() });
    let old = if record.rekeyed { None } else { Some(open(&ROOT_KEY)) };
    match old {
        Some(Ok(kms)) => Ok(kms),
        Some(Err(failure)) if failure.status != KMS_WRONG_ROOT_KEY || !record.rekey_tried => {
            Err(format!("it does not open: {failure:?}"))
        }
        _ => open(&NEW_ROOT_KEY).map_err(|failure| format!("it does not open: {failure:?}")),
    }
}

/// It opens, unless the change to its key, which was uncertain then, has been made and forbids that.
fn check_blob(kms: &Handle, number: usize, was_acknowledged: bool, data_key: &DataKey) -> Option<String> {
    let name = CHANGES[number].name;
    match kms.open_blob(&data_key.ciphertext) {
        Ok(plaintext) if plaintext == data_key.plaintext => None,
        Ok(_) => Some(format!("a wrong data key after: {name}")),
        Err(failure)
            if [KMS_DISABLED, KMS_INVALID_STATE].contains(&failure.status)
                && !was_acknowledged
                && (CHANGES[number].is_made)(kms, &id(number)) == Ok(true) =>
        {
            None
        }
        Err(failure) => Some(format!("lost: a data key after: {name}: {failure:?}")),
    }
}

fn check_backup(base: &Base, path: &Path) -> Vec<String> {
    let uri = format!("sqlite:{}", path.display());
    let kms = match Handle::open(&uri, Open { root_key: &ROOT_KEY, ..Open::default() }) {
        Ok(kms) => kms,
        Err(failure) => return vec![format!("lost: the backup: {failure:?}")],
    };
    let mut problems = damages(&kms);
    let keys: Vec<String> = kms.list_keys().expect("keys").into_iter().map(|key| key.id).collect();
    if !base.backed_up.iter().all(|id| keys.contains(id)) {
        problems.push(format!("lost: keys of the backup: {keys:?}"));
    }
    if kms.open_blob(&base.orders.ciphertext).as_ref() != Ok(&base.orders.plaintext) {
        problems.push("the backup does not open a data key".into());
    }
    problems
}

fn holds(file: &StoreFile, sealed: &[Vec<u8>]) -> bool {
    ["", "-wal"].iter().any(|suffix| {
        let content = std::fs::read(file.beside(suffix)).unwrap_or_default();
        // The nonce and the start of the sealed bytes are enough: a cell may span pages.
        sealed.iter().any(|row| content.windows(40).any(|window| window == &row[..40]))
    })
}

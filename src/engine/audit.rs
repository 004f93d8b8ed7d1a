//! What the engine tells the audit log: one record for each call, at the right time. A change is on record before it
//! is committed; should the commit fail then, a second record with the same request id says so.

use std::cell::Cell;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::call::Call;
use super::list::{ListPage, Listed};
use super::request::{self, flag};
use super::{Kms, Live};
use crate::access::{Action, Class};
use crate::audit::{
    self, AuditLog, AuditSettings, ContextShown, DataRecords, LogDamage, Mac, Position, Record,
};
use crate::capi::constants as c;
use crate::crypto::uuid::{self, Uuid};
use crate::error::{Error, Result, Status};
use crate::platform::monotonic_ms;

const DEFAULT_MAX_KIB: u32 = 64 << 10;
const LEAST_MAX_KIB: u32 = 4;

/// How kms_open asks for an audit log.
pub struct AuditOptions<'a> {
    pub path: &'a str,
    /// KMS_AUDIT_DATA_*
    pub data: u32,
    /// KMS_AUDIT_*
    pub flags: u32,
    /// 0 = 64 MiB.
    pub max_kib: u32,
}

impl AuditOptions<'_> {
    pub(super) fn settings(&self, timeout: Duration) -> Result<AuditSettings> {
        let known = c::KMS_AUDIT_CONTEXT_VALUES | c::KMS_AUDIT_GO_ON_WHEN_FULL;
        request::check_flags("options.audit_flags", self.flags, known)?;
        if self.path.is_empty() {
            return Err(Error::argument("options.audit_log: is empty"));
        }
        let data = match self.data {
            0 | c::KMS_AUDIT_DATA_ALL => DataRecords::All,
            c::KMS_AUDIT_DATA_REFUSED => DataRecords::Refused,
            c::KMS_AUDIT_DATA_COUNTED => DataRecords::Counted,
            other => return Err(Error::argument(format!("options.audit_data: {other} is unknown"))),
        };
        let max_kib = match self.max_kib {
            0 => DEFAULT_MAX_KIB,
            LEAST_MAX_KIB.. => self.max_kib,
            less => {
                return Err(Error::argument(format!(
                    "options.audit_max_kib: is {less}, expected 0 or at least {LEAST_MAX_KIB}"
                )));
            }
        };
        Ok(AuditSettings {
            path: self.path.to_string(),
            data,
            context_values: self.flags & c::KMS_AUDIT_CONTEXT_VALUES != 0,
            go_on_when_full: self.flags & c::KMS_AUDIT_GO_ON_WHEN_FULL != 0,
            max_size: u64::from(max_kib) << 10,
            timeout,
        })
    }
}

thread_local! {
    static FAILURE_ID: Cell<Option<Uuid>> = const { Cell::new(None) };
}

/// The request id that the log has for the call which has just failed on this thread; else a new one.
pub fn failure_request_id() -> Option<Uuid> {
    FAILURE_ID.take().or_else(|| uuid::random().ok())
}

impl Live {
    /// Whether a call may begin, as far as the log goes.
    #[inline]
    pub fn admit(&self, _: &Call<'_>) -> Result<()> {
        match &self.audit {
            None => Ok(()),
            Some(log) => self.with_mac(|mac| log.admit(monotonic_ms(), mac)),
        }
    }

    pub fn flush_audit(&self) -> Result<()> {
        let Some(log) = &self.audit else { return Ok(()) };
        self.with_mac(|mac| log.flush(mac))
    }

    /// Puts a change on record, on disk, before it is committed.
    pub fn log_change(&self, call: &Call<'_>) -> Result<()> {
        let Some(log) = &self.audit else { return Ok(()) };
        self.note_change(call, |record| self.with_mac(|mac| log.write(record, mac)))
    }

    /// Lets `body` use the log. A log that is not of this root key is no damage if the store has been given another one
    /// meanwhile.
    fn with_mac<T>(&self, body: impl FnOnce(Mac<'_>) -> Result<T>) -> Result<T> {
        let store = self.keyring.store();
        body(&|parts| store.audit_mac(parts)).map_err(|error| store.rekeyed_or_damaged(error))
    }

    /// Lets `write` write the record of a change.
    pub fn note_change(&self, call: &Call<'_>, write: impl FnOnce(&Record<'_>) -> Result<()>) -> Result<()> {
        let Some(log) = &self.audit else { return Ok(()) };
        let request_id = uuid::random()?;
        with_record(log, call, &request_id, Status::Ok, write)?;
        call.logged.set(Some(request_id));
        Ok(())
    }

    /// Counts a call that failed, and puts on record what is not on record yet.
    #[inline]
    pub fn finish<T>(&self, call: &Call<'_>, outcome: Result<T>) -> Result<T> {
        match outcome {
            Ok(value) => {
                if let Some(log) = &self.audit {
                    self.put_on_record(log, call, Ok(()));
                }
                Ok(value)
            }
            Err(error) => {
                self.failed(call, &error);
                Err(error)
            }
        }
    }

    #[cold]
    fn failed(&self, call: &Call<'_>, error: &Error) {
        if let Some(log) = &self.audit {
            self.put_on_record(log, call, Err(error));
        }
        if !matches!(error, Error::DryRunOk | Error::BufferTooSmall(_)) {
            self.calls_failed.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn put_on_record(&self, log: &AuditLog, call: &Call<'_>, outcome: Result<(), &Error>) {
        let status = match outcome {
            Ok(()) if call.logged.get().is_some() => return,
            Ok(()) => Status::Ok,
            // A question for a size is no operation.
            Err(Error::BufferTooSmall(_)) => return,
            Err(error) => error.status(),
        };
        let request_id = call.logged.get().or_else(|| call.request_id()).or_else(|| uuid::random().ok());
        let request_id = request_id.unwrap_or_default();
        if status != Status::Ok {
            FAILURE_ID.set(Some(request_id));
        }
        let now_ms = monotonic_ms();
        let is_data = call.action.info().class == Class::Data;
        // What cannot be written is told by the next call that must be logged.
        let _ = with_record(log, call, &request_id, status, |record| {
            match log.settings.data {
                _ if call.logged.get().is_some() => {
                    return self.with_mac(|mac| log.write(record, mac));
                }
                DataRecords::Refused if is_data && status == Status::Ok => {}
                DataRecords::Counted if is_data => log.count(record, now_ms),
                _ => log.collect(record, now_ms),
            }
            Ok(())
        });
    }
}

fn with_record<T>(
    log: &AuditLog,
    call: &Call<'_>,
    request_id: &Uuid,
    status: Status,
    body: impl FnOnce(&Record<'_>) -> T,
) -> T {
    let request_id = uuid::to_string(request_id);
    call.with_facts(|facts| {
        body(&Record {
            time: audit::now(),
            principal: call.caller.name(),
            action: if facts.source_key.is_empty() { call.action.name() } else { "kms:ReEncrypt" },
            key: if facts.key_id.is_empty() {
                call.key.map_or("", |key| key.as_str())
            } else {
                &facts.key_id
            },
            version: if facts.version_id.is_empty() {
                call.version_id.unwrap_or("")
            } else {
                &facts.version_id
            },
            source_key: &facts.source_key,
            outcome: status.name(),
            request_id: &request_id,
            context: ContextShown { pairs: call.context, with_values: log.settings.context_values },
            grant: &facts.grant,
            ..Record::default()
        })
    })
}

impl Kms {
    /// One step of a verification of an audit log of this store; its items are damages.
    pub fn verify_audit_log(
        &self,
        path: &str,
        marker: &str,
        capacity: usize,
        flags: u32,
    ) -> Result<ListPage<LogDamage>> {
        request::check_flags("request.flags", flags, flag::DRY_RUN)?;
        if path.is_empty() {
            return Err(Error::argument("request.path: is empty"));
        }
        let wrong = || Error::argument("page.marker: is not one that this list returned");
        let (from, skip) = match marker.rsplit_once('+') {
            None if marker.is_empty() => (Position::START, 0),
            None => (Position::from_text(marker).ok_or_else(wrong)?, 0),
            Some((from, skip)) => {
                (Position::from_text(from).ok_or_else(wrong)?, skip.parse().map_err(|_| wrong())?)
            }
        };
        let live = self.live()?;
        let call = Call::new(&self.caller, Action::VerifyAuditLog, None);
        let outcome = call.require_root().and_then(|()| {
            if flags & flag::DRY_RUN != 0 {
                return Err(Error::DryRunOk);
            }
            // What this handle has done until now belongs to the log. A damaged log takes nothing more: the
            // verification tells why.
            match live.flush_audit() {
                Ok(()) | Err(Error::CorruptStore(_)) => {}
                Err(error) => return Err(error),
            }
            let mac = |parts: &[&[u8]]| live.keyring.store().audit_mac(parts);
            let (damages, next) = audit::verify_step(Path::new(path), &mac, from)?;
            Ok(page_of_step(damages, skip, capacity, &from.to_text(), next.map(Position::to_text)))
        });
        live.finish(&call, outcome)
    }
}

/// The page of a step's damages after `skip`. A step with more damages than fit is looked at again from the first that
/// did not.
pub(super) fn page_of_step<T>(
    damages: Vec<T>,
    skip: usize,
    capacity: usize,
    from: &str,
    next: Option<String>,
) -> ListPage<T> {
    let total = damages.len();
    let end = next.clone().unwrap_or_default();
    let items = damages.into_iter().enumerate().skip(skip).take(super::list::Marker::limit(capacity));
    let items: Vec<Listed<T>> = items
        .map(|(index, item)| {
            let marker = if index + 1 == total { end.clone() } else { format!("{from}+{}", index + 1) };
            Listed { item, marker }
        })
        .collect();
    let is_complete = skip + items.len() >= total;
    // The end of an incomplete step is where its last item is, not where the step ends.
    let end = if is_complete { end } else { String::new() };
    ListPage { items, more: next.is_some() || !is_complete, end }
}

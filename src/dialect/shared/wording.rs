//! What the library says of a failure, where a vendor's service has no words of its own for it that are known.

use crate::error::Error;

/// The error's message. It begins with the argument at fault as C has it, "request.key_id"; a vendor's request has but
/// the member.
pub fn of(error: &Error) -> String {
    let message = error.to_string();
    message.strip_prefix("request.").map(str::to_string).unwrap_or(message)
}

//! TagResource, UntagResource and ListResourceTags.

use serde::{Deserialize, Serialize};

use super::fault::Fault;
use super::lists::limit;
use super::validation::{Checks, has_length, length_text, texts};
use super::{Answer, Call, Outcome, on_key, text};
use crate::dialect::shared::context::Text;
use crate::dialect::shared::json::Object;
use crate::error::{Error, Status};

const TAG_KEY: (usize, usize) = (1, 128);
const TAG_VALUE: (usize, usize) = (0, 256);
const MAX_TAGS: i32 = 50;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub struct Tag<'a> {
    #[serde(borrow)]
    tag_key: Option<Text<'a>>,
    tag_value: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct TagResource<'a> {
    #[serde(borrow)]
    key_id: Option<Text<'a>>,
    tags: Option<Vec<Object<Tag<'a>>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct UntagResource<'a> {
    #[serde(borrow)]
    key_id: Option<Text<'a>>,
    tag_keys: Option<Vec<Text<'a>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct ListResourceTags<'a> {
    #[serde(borrow)]
    key_id: Option<Text<'a>>,
    limit: Option<i32>,
    marker: Option<Text<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListedTag {
    tag_key: String,
    tag_value: String,
}

pub fn check(checks: &mut Checks, tags: &Option<Vec<Object<Tag<'_>>>>) {
    for (index, Object(tag)) in tags.iter().flatten().enumerate() {
        let member = |name| format!("tags.{}.member.{name}", index + 1);
        checks.required_text(&member("tagKey"), &tag.tag_key, TAG_KEY);
        checks.required_text(&member("tagValue"), &tag.tag_value, TAG_VALUE);
    }
}

/// The tags of a request, which passed `check`, for the engine.
pub fn pairs<'a>(tags: &'a Option<Vec<Object<Tag<'_>>>>) -> Result<Vec<(&'a str, &'a str)>, Fault> {
    let pairs: Vec<(&str, &str)> =
        tags.iter().flatten().map(|Object(tag)| (text(&tag.tag_key), text(&tag.tag_value))).collect();
    if pairs.iter().any(|(key, _)| key.to_ascii_lowercase().starts_with("aws:")) {
        return Err(Fault::refused("TagException", "Tags beginning with aws: are reserved"));
    }
    let mut keys: Vec<&str> = pairs.iter().map(|(key, _)| *key).collect();
    keys.sort_unstable();
    if keys.windows(2).any(|two| matches!(two, [a, b] if a == b)) {
        return Err(Fault::refused("TagException", "Duplicate tag keys"));
    }
    Ok(pairs)
}

impl Call<'_> {
    /// The one limit that an operation on tags can pass is that of a key's tags.
    pub fn tag_fault(&self, error: Error) -> Fault {
        match error.status() {
            Status::LimitExceeded => Fault::new("TagException", "Too many tags", error),
            _ => self.fault(error),
        }
    }

    pub fn tag_resource(&self) -> Outcome {
        let asked: TagResource<'_> = self.arguments()?;
        let mut checks = Checks::default();
        checks.key_id(&asked.key_id);
        checks.required("tags", &asked.tags);
        check(&mut checks, &asked.tags);
        checks.finish()?;
        let tags = pairs(&asked.tags)?;
        self.kms.tag_key(text(&asked.key_id), &tags, 0).map_err(|error| self.tag_fault(error))?;
        Answer::empty()
    }

    pub fn untag_resource(&self) -> Outcome {
        let asked: UntagResource<'_> = self.arguments()?;
        let mut checks = Checks::default();
        checks.key_id(&asked.key_id);
        checks.required("tagKeys", &asked.tag_keys);
        let keys = texts(&asked.tag_keys);
        checks.each("tagKeys", &keys, &length_text(TAG_KEY), |key| has_length(key, TAG_KEY));
        checks.finish()?;
        self.kms.untag_key(text(&asked.key_id), &keys, 0).map_err(|error| self.fault(error))?;
        Answer::empty()
    }

    pub fn list_resource_tags(&self) -> Outcome {
        let asked: ListResourceTags<'_> = self.arguments()?;
        let mut checks = Checks::default();
        checks.key_id(&asked.key_id);
        checks.page(asked.limit, MAX_TAGS, &asked.marker);
        checks.finish()?;
        let page =
            self.kms.list_key_tags(&on_key(&asked.key_id), text(&asked.marker), limit(asked.limit, 50));
        self.page("Tags", page, &asked.marker, |tag| ListedTag { tag_key: tag.key, tag_value: tag.value })
    }
}

//! CreateAlias, UpdateAlias, DeleteAlias and ListAliases.

use serde::{Deserialize, Serialize};

use super::fault::Fault;
use super::lists::limit;
use super::validation::{Checks, KEY_ID};
use super::{Answer, Call, Outcome, optional_text, text};
use crate::dialect::shared::context::Text;
use crate::engine::{AliasRequest, Kms};
use crate::error::{Error, Result};

const ALIAS: (usize, usize) = (1, 256);
const PREFIX: &str = "alias/";

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct PutAlias<'a> {
    #[serde(borrow)]
    alias_name: Option<Text<'a>>,
    target_key_id: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct DeleteAlias<'a> {
    #[serde(borrow)]
    alias_name: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct ListAliases<'a> {
    #[serde(borrow)]
    key_id: Option<Text<'a>>,
    limit: Option<i32>,
    marker: Option<Text<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListedAlias {
    alias_name: String,
    alias_arn: String,
    target_key_id: String,
    creation_date: i64,
    last_updated_date: i64,
}

impl Call<'_> {
    pub fn put_alias(&self, operation: fn(&Kms, &AliasRequest<'_>) -> Result<()>) -> Outcome {
        let asked: PutAlias<'_> = self.arguments()?;
        let mut checks = Checks::default();
        check_alias(&mut checks, &asked.alias_name);
        checks.required_text("targetKeyId", &asked.target_key_id, KEY_ID);
        checks.finish()?;
        let (alias, key_id) = (text(&asked.alias_name), text(&asked.target_key_id));
        refuse_other_names(alias)?;
        if key_id.starts_with(PREFIX) || (key_id.starts_with("arn:") && key_id.contains(":alias/")) {
            return Err(Fault::validation("Aliases must refer to keys. Not aliases"));
        }
        operation(self.kms, &AliasRequest { alias, key_id, flags: 0 }).map_err(|error| self.fault(error))?;
        Answer::empty()
    }

    pub fn delete_alias(&self) -> Outcome {
        let asked: DeleteAlias<'_> = self.arguments()?;
        let mut checks = Checks::default();
        check_alias(&mut checks, &asked.alias_name);
        checks.finish()?;
        let alias = text(&asked.alias_name);
        refuse_other_names(alias)?;
        self.kms.delete_alias(alias, 0).map_err(|error| self.fault(error))?;
        Answer::empty()
    }

    pub fn list_aliases(&self) -> Outcome {
        let asked: ListAliases<'_> = self.arguments()?;
        let mut checks = Checks::default();
        checks.text("keyId", &asked.key_id, KEY_ID);
        checks.page(asked.limit, 100, &asked.marker);
        checks.finish()?;
        let limit = limit(asked.limit, 50);
        let page = self.kms.list_aliases(optional_text(&asked.key_id), text(&asked.marker), limit, 0);
        self.page("Aliases", page, &asked.marker, |alias| ListedAlias {
            alias_arn: self.arn(&alias.alias),
            alias_name: alias.alias,
            target_key_id: alias.key_id,
            creation_date: alias.created_at,
            last_updated_date: alias.created_at,
        })
    }
}

fn check_alias(checks: &mut Checks, alias: &Option<Text<'_>>) {
    checks.required_text("aliasName", alias, ALIAS);
    checks.name("aliasName", alias);
}

/// Names that no alias can have.
fn refuse_other_names(alias: &str) -> std::result::Result<(), Fault> {
    match alias.strip_prefix(PREFIX) {
        None | Some("") => Err(Fault::validation(
            "Alias must start with the prefix \"alias/\". Please see \
             https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html",
        )),
        // The service's own keys have these.
        Some(name) if name.starts_with("aws/") => {
            let native = Error::argument("request.alias: names that begin with alias/aws/ are reserved");
            Err(Fault::new("NotAuthorizedException", "", native))
        }
        Some(name) if name.contains(':') => {
            Err(Fault::validation(format!("{alias} contains invalid characters for an alias")))
        }
        Some(_) => Ok(()),
    }
}

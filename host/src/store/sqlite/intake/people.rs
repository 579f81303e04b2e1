//! Who wrote: identities and the contacts behind them.

use std::collections::HashMap;

use serde::Deserialize;
use sqlx::SqliteConnection;

use super::entry::Fresh;
use crate::domain::clock::IdGenerator;
use crate::domain::contact::Contact;
use crate::domain::ids::{ContactId, IdentityId};
use crate::domain::item::Author;
use crate::domain::item::copied::copy;
use crate::domain::time::Timestamp;
use crate::store::sqlite::rows::Rows;
use crate::store::sqlite::script::Script;
use crate::store::{IntakeEntry, StoreResult};

/// A presence on a channel.
struct Person {
    identity: IdentityId,
    contact: ContactId,
    author: Author,
    contact_name: Option<String>,
    vip: bool,
    met_at: Timestamp,
    state: State,
    /// The contact had no name before.
    is_named_now: bool,
}

/// A presence as it is looked up: channel, external id, identity, contact, handle, name, followers,
/// verified, the contact's name, VIP, when it was first met.
#[derive(Deserialize)]
struct Found(
    String,
    String,
    i64,
    i64,
    Option<String>,
    Option<String>,
    Option<i64>,
    i64,
    Option<String>,
    i64,
    i64,
);

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Kept,
    Changed,
    New,
}

/// The authors of a batch: by channel, then by external id.
#[derive(Default)]
pub(super) struct People {
    found: HashMap<String, HashMap<String, usize>>,
    people: Vec<Person>,
}

impl People {
    /// Looks up the authors of the batch's new items.
    pub(super) async fn load(
        fresh: &[Fresh<'_>],
        entries: &[IntakeEntry],
        connection: &mut SqliteConnection,
    ) -> StoreResult<Self> {
        let mut rows = Rows::default();
        let authors: std::collections::HashSet<_> = fresh
            .iter()
            .map(|it| (entries[it.entry].inbox.channel.as_str(), it.item.author.external_id.as_str()))
            .collect();
        for (channel, external_id) in authors {
            let _ = rows.row().text(channel).text(external_id);
        }
        let sql = "SELECT json_group_array(
                json_array(
                    i.channel, i.external_id, i.id, i.contact, i.handle, i.name, i.followers, i.verified,
                    c.name, c.vip, c.created_at
                )
            )
            FROM jsonb_each(?1) AS k
            CROSS JOIN identities AS i ON i.channel = k.value ->> 0 AND i.external_id = k.value ->> 1
            CROSS JOIN contacts AS c ON c.id = i.contact";
        let mut people = Self::default();
        for found in rows.fetch_all_at_once::<Found>(sql, connection).await? {
            people.add_found(found);
        }
        Ok(people)
    }

    fn add_found(&mut self, found: Found) {
        let Found(
            channel,
            external_id,
            identity,
            contact,
            handle,
            name,
            followers,
            verified,
            contact_name,
            vip,
            met_at,
        ) = found;
        let followers = followers.map(i64::unsigned_abs);
        let author = Author { external_id, handle, name, followers, verified: verified != 0 };
        let person = Person {
            identity: IdentityId(identity),
            contact: ContactId(contact),
            author,
            contact_name,
            vip: vip != 0,
            met_at: Timestamp::from_ms(met_at),
            state: State::Kept,
            is_named_now: false,
        };
        self.add(channel, person);
    }

    fn add(&mut self, channel: String, person: Person) -> usize {
        let index = self.people.len();
        self.found.entry(channel).or_default().insert(person.author.external_id.clone(), index);
        self.people.push(person);
        index
    }

    /// The person of this presence, brought up to date with what the channel tells now.
    pub(super) fn meet(
        &mut self,
        channel: &str,
        author: &Author,
        at: Timestamp,
        ids: &IdGenerator,
    ) -> (IdentityId, ContactId) {
        let found = self.found.get(channel).and_then(|it| it.get(&author.external_id)).copied();
        let index = match found {
            Some(index) => {
                self.people[index].refresh(author);
                index
            }
            None => {
                let author = author.copy();
                let person = Person {
                    identity: ids.next(at),
                    contact: ids.next(at),
                    contact_name: author.name.clone().or_else(|| author.handle.clone()),
                    author,
                    vip: false,
                    met_at: at,
                    state: State::New,
                    is_named_now: false,
                };
                self.add(channel.to_owned(), person)
            }
        };
        (self.people[index].identity, self.people[index].contact)
    }

    /// The contacts as they will be.
    pub(super) fn contacts(&self) -> Vec<Contact> {
        self.people.iter().map(Person::as_contact).collect()
    }

    /// The contacts as they will be, by their ids, and whether they are new.
    pub(super) fn contacts_by_id(&self) -> HashMap<ContactId, (Contact, bool)> {
        let contact = |it: &Person| (it.contact, (it.as_contact(), it.state == State::New));
        self.people.iter().map(contact).collect()
    }

    /// Writes who is new and who changed.
    pub(super) fn write(self, script: &mut Script) {
        let mut channels = vec![""; self.people.len()];
        for (channel, indexes) in &self.found {
            for index in indexes.values() {
                channels[*index] = channel;
            }
        }
        let mut rows = PeopleRows::default();
        for (person, channel) in self.people.iter().zip(channels) {
            rows.push(person, channel);
        }
        rows.write(script);
    }
}

impl Person {
    fn as_contact(&self) -> Contact {
        Contact {
            id: self.contact,
            name: self.contact_name.clone(),
            vip: self.vip,
            created_at: self.met_at,
            erased_at: None,
        }
    }

    /// What the channel does not tell this time is kept.
    fn refresh(&mut self, author: &Author) {
        let mut fresh = author.copy();
        fresh.handle = fresh.handle.or_else(|| self.author.handle.as_deref().map(copy));
        fresh.name = fresh.name.or_else(|| self.author.name.as_deref().map(copy));
        fresh.followers = fresh.followers.or(self.author.followers);
        if fresh == self.author {
            return;
        }
        if self.contact_name.is_none() {
            self.contact_name = fresh.name.clone();
            self.is_named_now = self.contact_name.is_some();
        }
        self.author = fresh;
        if self.state == State::Kept {
            self.state = State::Changed;
        }
    }
}

#[derive(Default)]
struct PeopleRows {
    new_contacts: Rows,
    new_identities: Rows,
    named_contacts: Rows,
    changed_identities: Rows,
}

impl PeopleRows {
    fn push(&mut self, person: &Person, channel: &str) {
        let author = &person.author;
        let identities = match person.state {
            State::Kept => return,
            State::New => {
                let _ = self
                    .new_contacts
                    .row()
                    .int(person.contact.0)
                    .opt_text(person.contact_name.as_deref())
                    .int(person.met_at.as_ms());
                &mut self.new_identities
            }
            State::Changed => {
                if person.is_named_now {
                    let name = person.contact_name.as_deref();
                    let _ = self.named_contacts.row().int(person.contact.0).opt_text(name);
                }
                &mut self.changed_identities
            }
        };
        let _ = identities
            .row()
            .int(person.identity.0)
            .int(person.contact.0)
            .text(channel)
            .text(&author.external_id)
            .opt_text(author.handle.as_deref())
            .opt_text(author.name.as_deref())
            .opt_int(author.followers.map(|it| i64::try_from(it).unwrap_or(i64::MAX)))
            .int(i64::from(author.verified));
    }

    fn write(self, script: &mut Script) {
        let sql = "INSERT INTO contacts (id, name, vip, created_at)
            SELECT value ->> 0, value ->> 1, 0, value ->> 2 FROM jsonb_each(?1)";
        script.each("contacts added", sql, self.new_contacts);
        let sql = "INSERT INTO identities (
                id, contact, channel, external_id, handle, name, followers, verified
            )
            SELECT
                value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6,
                value ->> 7
            FROM jsonb_each(?1)";
        script.each("identities added", sql, self.new_identities);
        let sql = "UPDATE contacts SET name = r.value ->> 1
            FROM jsonb_each(?1) AS r
            WHERE contacts.id = r.value ->> 0 AND contacts.name IS NULL";
        script.any("contacts named", sql, self.named_contacts);
        let sql = "UPDATE identities
            SET
                handle = r.value ->> 4,
                name = r.value ->> 5,
                followers = r.value ->> 6,
                verified = r.value ->> 7
            FROM jsonb_each(?1) AS r
            WHERE identities.id = r.value ->> 0";
        script.each("identities changed", sql, self.changed_identities);
    }
}

//! Time zones: UTC, fixed ones that a text names, and those of the database that is built in.

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use std::sync::LazyLock;

/// A zone.
#[derive(Clone, PartialEq)]
pub(in super::super) enum Zone {
    /// A distance from UTC in seconds, and a name that may be empty.
    Fixed { offset: i64, name: String },
    /// One with a history of rules.
    Rules(TimeZone),
}

/// The database that is part of the program: the machine's own is never asked.
static DATABASE: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

impl Zone {
    pub(in super::super) fn utc() -> Zone {
        Zone::Fixed { offset: 0, name: "UTC".to_owned() }
    }

    /// Go's `time.LoadLocation`; the local zone is UTC. `None` if there is none of that name.
    pub(in super::super) fn load(name: &str) -> Option<Zone> {
        if matches!(name, "" | "UTC" | "Local") {
            return Some(Zone::utc());
        }
        let zone = DATABASE.get(name).ok()?;
        // Names are files in Go: their case counts.
        (zone.iana_name() == Some(name)).then_some(Zone::Rules(zone))
    }

    /// Seconds from UTC at an instant, and the zone's abbreviation.
    pub(super) fn at(&self, unix: i64) -> (i64, String) {
        match self {
            Zone::Fixed { offset, name } => (*offset, name.clone()),
            Zone::Rules(rules) => {
                // The database's rules are the same beyond the years that it counts.
                let clamped = unix.clamp(Timestamp::MIN.as_second() + 1, Timestamp::MAX.as_second() - 1);
                let instant = Timestamp::from_second(clamped).unwrap_or(Timestamp::UNIX_EPOCH);
                let info = rules.to_offset_info(instant);
                (info.offset().seconds().into(), info.abbreviation().to_owned())
            }
        }
    }

    /// The instant at which clocks show these seconds, as Go guesses it where there are two or none.
    pub(super) fn instant(&self, local: i64) -> i64 {
        let (offset, _) = self.at(local);
        let first = local.saturating_sub(offset);
        let (again, _) = self.at(first);
        local.saturating_sub(again)
    }
}

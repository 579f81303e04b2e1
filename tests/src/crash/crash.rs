//! Hosts that die at any moment, and whose power is cut, under load: nothing that was answered is lost, and
//! nothing takes effect twice.
//!
//! | module | holds |
//! |---|---|
//! | `rig` | a repository whose hosts die one after the other |
//! | `place` | a company in a hurry, so that timers are always due |
//! | `load` | customers and agents |
//! | `ledger` | what was answered to them, and what is in doubt |
//! | `receiver` | where replies go |
//! | `survival` | what must hold after every restart |
//! | `rest` | what must hold once everything has come to rest |
//! | `cut` | what a loss of power takes |
//! | `controls` | hosts with a fault, which these tests must find |
//! | `sudden_end` | what a host does after one that did not end in order |
//!
//! An ordinary run kills some dozens of hosts. The long run kills `SWITCHBOARD_KILLS` and cuts the power of
//! `SWITCHBOARD_CUTS`, at moments drawn from `SWITCHBOARD_CRASH_SEED` (another each time unless one is given).

mod controls;
mod cut;
mod findings;
mod ledger;
mod load;
mod place;
mod receiver;
mod rest;
mod rig;
mod sudden_end;
mod survival;

use std::time::Duration;

use clap::ValueEnum;
use fastrand::Rng;
use switchboard::crash::Point;

use self::cut::Shim;
use self::findings::Figures;
use self::rig::{Death, Rig};
use crate::fuzz::number;

/// How many hosts one repository has: then it is looked through, and the next ones get a new one.
const LIVES: usize = 25;

/// How often a host whose power is cut carries its log over, in pages: several times in a life.
const CHECKPOINT: &str = "100";

/// The longest that a host works before it is killed.
const LIFE_MS: u64 = 600;

/// The longest that a host is left starting before it is killed: somewhat longer than it needs.
const START_MS: u64 = 200;

/// Up to which operation on a file of its repository a host dies: as many as it makes while customers speak.
const OPERATIONS_MAX: usize = 2_000;

/// Up to which passage a host dies at a point.
const PASSAGES_MAX: usize = 10;

fn seed() -> u64 {
    let seed = number("SWITCHBOARD_CRASH_SEED").unwrap_or_else(|| fastrand::u64(..1_000_000));
    println!("SWITCHBOARD_CRASH_SEED={seed}");
    seed
}

fn assert_nothing_found(figures: &Figures) {
    println!("{figures}");
    assert!(figures.findings.is_empty(), "{figures}");
    assert!(figures.items > 0 && figures.decisions >= figures.items, "{figures}");
    assert!(figures.parked <= figures.kills, "more than one reply a kill was under way: {figures}");
}

/// Each point a host may die at; where it starts and stops, and where it works, in turn.
async fn die_at_each_point(half: impl Fn(usize) -> bool) {
    let mut rig = Rig::new(seed(), &[], None).await;
    for (place, point) in Point::value_variants().iter().enumerate() {
        if half(place) {
            let passage = if is_passed_once(*point) { 1 } else { 1 + place % 3 };
            rig.live(Death::At(*point, passage)).await;
        }
    }
    let figures = rig.rest().await;
    assert!(figures.kills >= 9);
    assert_nothing_found(&figures);
}

fn is_passed_once(point: Point) -> bool {
    matches!(point, Point::StoreLocked | Point::StoreMigrated | Point::AppOpened | Point::Stopping)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_survives_a_kill_at_every_other_point_and_takes_effect_once() {
    die_at_each_point(|place| place.is_multiple_of(2)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_survives_a_kill_at_the_points_between_and_takes_effect_once() {
    die_at_each_point(|place| !place.is_multiple_of(2)).await;
}

/// Kills so many hosts, and cuts their power if a shim is to watch them.
async fn kill(kills: usize, seed: u64, with_shim: bool) -> Option<Figures> {
    let mut rng = Rng::with_seed(seed);
    let mut figures = Figures::default();
    while figures.kills < kills {
        let shim = if with_shim { Some(Shim::load()?) } else { None };
        let flags: &[&str] = if with_shim { &["--checkpoint-pages", CHECKPOINT] } else { &[] };
        let mut rig = Rig::new(rng.u64(..), flags, shim).await;
        for _ in 0..LIVES.min(kills - figures.kills) {
            rig.live(draw(&mut rng, with_shim)).await;
        }
        figures += rig.rest().await;
        // The long run says how far it is.
        println!("{} of {kills}: {figures}", figures.kills);
        if !figures.findings.is_empty() {
            break;
        }
    }
    Some(figures)
}

fn draw(rng: &mut Rng, with_shim: bool) -> Death {
    let ms = |rng: &mut Rng, most| Duration::from_micros(rng.u64(..most * 1_000));
    match rng.u8(..6) {
        0 => Death::WhileStarting(ms(rng, START_MS)),
        // Between operations nothing may be left to lose.
        1..=4 if with_shim => Death::InOperation(rng.usize(1..OPERATIONS_MAX)),
        1 | 2 => {
            let points = Point::value_variants();
            let point = points[rng.usize(..points.len())];
            Death::At(point, if is_passed_once(point) { 1 } else { rng.usize(1..=PASSAGES_MAX) })
        }
        _ => Death::After(ms(rng, LIFE_MS)),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_survives_kills_at_random_moments_and_takes_effect_once() {
    let kills = number("SWITCHBOARD_KILLS").unwrap_or(20) as usize;
    let figures = kill(kills, seed(), false).await.expect("no shim is asked for");
    assert_nothing_found(&figures);
    assert_eq!(figures.kills, kills);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_survives_cuts_of_the_power_and_takes_effect_once() {
    let cuts = number("SWITCHBOARD_CUTS").unwrap_or(12) as usize;
    let Some(figures) = kill(cuts, seed(), true).await else {
        println!("skipped: nothing can be loaded into another process here");
        return;
    };
    assert_nothing_found(&figures);
    assert_eq!(figures.cuts, cuts);
    assert!(figures.with_loss > 0, "nothing was ever cut off: {figures}");
}

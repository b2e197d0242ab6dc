//! The order in which targets are tried. Pure: states, time, chance and the conversation are arguments.

use super::chance::{mixed, unit};
use lingate_config::Strategy;
use std::cmp::Ordering;
use tokio::time::Instant;

/// A target as the choice sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Choice {
    /// Its place in the model's list.
    pub index: usize,
    /// Higher wins.
    pub priority: i32,
    /// Its share; 0: only when nothing else is left.
    pub weight: u32,
    /// What stands for it wherever it is in the list.
    pub seed: u64,
    /// Whether its circuit lets a request through, and its last health check passed.
    pub admitted: bool,
    /// Since when its circuit is not closed.
    pub opened: Option<Instant>,
    /// Until when it wants to be left alone.
    pub busy_until: Option<Instant>,
    /// What a request there would cost, by what it was like of late.
    pub cost: f64,
}

/// What the choice goes by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Draw {
    /// The model's strategy.
    pub strategy: Strategy,
    /// The conversation, if it is to keep its target.
    pub key: Option<u64>,
    /// How many requests came before.
    pub turn: u64,
    /// A random number.
    pub random: u64,
}

/// The targets in the order in which they are to be tried, by their places, empty only if there are none; and whether
/// none of them is well. Open circuits, targets whose health check failed and busy ones are left out as long as others
/// are well.
pub(crate) fn order(choices: &[Choice], draw: &Draw, now: Instant) -> (Vec<usize>, bool) {
    let is_busy = |choice: &Choice| choice.busy_until.is_some_and(|until| until > now);
    let mut well: Vec<Choice> = choices.iter().filter(|c| c.admitted && !is_busy(c)).copied().collect();
    if well.is_empty() {
        return (last_resort(choices), true);
    }
    // Stable: equals keep the order of the file.
    well.sort_by_key(|choice| std::cmp::Reverse(choice.priority));
    for tier in well.chunk_by_mut(|a, b| a.priority == b.priority) {
        arrange(tier, draw);
    }
    (well.iter().map(|choice| choice.index).collect(), false)
}

/// Where none is well: those that are only busy, the one first that is so for the shortest time; or else those of which
/// no more is known than a failed check; or else the one that was left alone the longest.
fn last_resort(choices: &[Choice]) -> Vec<usize> {
    let mut busy: Vec<&Choice> = choices.iter().filter(|choice| choice.admitted).collect();
    busy.sort_by_key(|choice| choice.busy_until);
    if !busy.is_empty() {
        return busy.iter().map(|choice| choice.index).collect();
    }
    let mut unopened: Vec<&Choice> = choices.iter().filter(|choice| choice.opened.is_none()).collect();
    unopened.sort_by_key(|choice| std::cmp::Reverse(choice.priority));
    if !unopened.is_empty() {
        return unopened.iter().map(|choice| choice.index).collect();
    }
    choices.iter().min_by_key(|choice| choice.opened).map(|choice| choice.index).into_iter().collect()
}

/// Puts targets of one priority in order.
fn arrange(tier: &mut [Choice], draw: &Draw) {
    if tier.len() < 2 {
        return;
    }
    let weighted = draw.strategy == Strategy::Weighted;
    match (draw.strategy, draw.key) {
        (Strategy::Priority, _) => {}
        // Rendezvous: each target draws a lot of its own for the conversation, so that one that goes away, or comes,
        // changes the order of no others.
        (_, Some(key)) => by_lot(tier, weighted, |choice| mixed(key ^ choice.seed)),
        (Strategy::Weighted, None) => by_lot(tier, true, |choice| mixed(draw.random ^ choice.seed)),
        (Strategy::RoundRobin, None) => {
            let turns = usize::try_from(draw.turn % tier.len() as u64).unwrap_or(0);
            tier.rotate_left(turns);
        }
        (Strategy::LeastLatency, None) => two_choices(tier, draw.random),
    }
}

/// By `-ln(u) / weight`, the smallest first: the first place then falls as the weights say, and so do the others among
/// what is left (Efraimidis and Spirakis, 2006).
fn by_lot(tier: &mut [Choice], weighted: bool, lot: impl Fn(&Choice) -> u64) {
    let score = |choice: &Choice| {
        let drawn = -unit(lot(choice)).ln();
        match (weighted, choice.weight) {
            (false, _) => (false, drawn),
            // All of these come after all others.
            (true, 0) => (true, drawn),
            (true, weight) => (false, drawn / f64::from(weight)),
        }
    };
    tier.sort_by(|a, b| {
        let (a, b) = (score(a), score(b));
        a.0.cmp(&b.0).then(a.1.total_cmp(&b.1))
    });
}

/// The quicker of two drawn by chance, so that not all rush to the quickest; then the others, the quickest first.
fn two_choices(tier: &mut [Choice], random: u64) {
    let count = tier.len() as u64;
    let first = random % count;
    let second = (first + 1 + (random / count) % (count - 1)) % count;
    let at = |place: u64| usize::try_from(place).unwrap_or(0);
    let (a, b) = (at(first), at(second));
    let better = if tier[b].cost.total_cmp(&tier[a].cost) == Ordering::Less { b } else { a };
    tier.swap(0, better);
    tier[1..].sort_by(|a, b| a.cost.total_cmp(&b.cost));
}

#[cfg(test)]
mod tests {
    use super::order as order_or_resort;
    use super::*;
    use lingate_config::Strategy;
    use proptest::prelude::{Strategy as _, any, prop_assert, prop_assert_eq, proptest};
    use std::time::Duration;

    fn choices(count: usize) -> Vec<Choice> {
        let choice = |index| Choice {
            index,
            priority: 0,
            weight: 1,
            seed: mixed(index as u64 + 77),
            admitted: true,
            opened: None,
            busy_until: None,
            cost: 1.0,
        };
        (0..count).map(choice).collect()
    }

    fn order(choices: &[Choice], draw: &Draw, now: Instant) -> Vec<usize> {
        order_or_resort(choices, draw, now).0
    }

    fn draw(strategy: Strategy) -> Draw {
        Draw { strategy, key: None, turn: 0, random: 0 }
    }

    #[test]
    fn priority_is_the_order_of_the_file() {
        let mut all = choices(4);
        all[2].priority = 5;
        let now = Instant::now();
        for random in 0..9 {
            let draw = Draw { random, turn: random, key: Some(random), ..draw(Strategy::Priority) };
            assert_eq!(order(&all, &draw, now), [2, 0, 1, 3]);
        }
    }

    #[test]
    fn round_robin_takes_turns_among_the_best() {
        let mut all = choices(4);
        all[3].priority = -1;
        let now = Instant::now();
        let firsts = |all: &[Choice]| -> Vec<_> {
            (0..6).map(|turn| order(all, &Draw { turn, ..draw(Strategy::RoundRobin) }, now)).collect()
        };
        let expected = [[0, 1, 2, 3], [1, 2, 0, 3], [2, 0, 1, 3]];
        assert_eq!(firsts(&all), [expected, expected].concat());
        all[1].admitted = false;
        let expected = [[0, 2, 3], [2, 0, 3]];
        assert_eq!(firsts(&all), [expected, expected, expected].concat());
    }

    #[test]
    fn weights_say_how_often() {
        let mut all = choices(4);
        all.iter_mut().zip([1, 2, 5, 0]).for_each(|(choice, weight)| choice.weight = weight);
        let now = Instant::now();
        let mut firsts = [0; 4];
        for n in 0..80_000 {
            let order = order(&all, &Draw { random: mixed(n), ..draw(Strategy::Weighted) }, now);
            assert_eq!(order[3], 3, "weight 0 is the last resort");
            firsts[order[0]] += 1;
        }
        for (got, expected) in firsts.into_iter().zip([10_000, 20_000, 50_000, 0]) {
            assert!(i32::abs(got - expected) <= expected / 20, "{firsts:?}");
        }
        all.truncate(3);
        all.iter_mut().for_each(|choice| choice.weight = 0);
        assert_eq!(order(&all, &draw(Strategy::Weighted), now).len(), 3);
    }

    #[test]
    fn the_quicker_of_two() {
        let mut all = choices(3);
        all.iter_mut().zip([3.0, 1.0, 2.0]).for_each(|(choice, cost)| choice.cost = cost);
        let mut firsts = [0; 3];
        for n in 0..6000 {
            let order = order(&all, &Draw { random: mixed(n), ..draw(Strategy::LeastLatency) }, Instant::now());
            firsts[order[0]] += 1;
        }
        assert_eq!(firsts[0], 0, "the slowest of three never");
        assert!((1800..2200).contains(&firsts[2]) && (3800..4200).contains(&firsts[1]), "{firsts:?}");
    }

    #[test]
    fn what_is_not_well_is_left_out_as_long_as_others_are() {
        let now = Instant::now();
        let later = |seconds| Some(now + Duration::from_secs(seconds));
        let mut all = choices(3);
        all[0].admitted = false;
        all[0].opened = later(0);
        all[1].busy_until = later(9);
        assert_eq!(order(&all, &draw(Strategy::Priority), now), [2]);
        all[1].busy_until = Some(now);
        assert_eq!(order(&all, &draw(Strategy::Priority), now), [1, 2], "that is over");
        all[1].busy_until = later(9);
        all[2].busy_until = later(3);
        assert_eq!(order(&all, &draw(Strategy::Priority), now), [2, 1], "all busy: the one that is soonest free");
        all[1].admitted = false;
        all[1].opened = later(1);
        all[2].admitted = false;
        all[2].opened = later(2);
        assert_eq!(order(&all, &draw(Strategy::Priority), now), [0], "all open: the one that was first");
        assert!(order_or_resort(&all, &draw(Strategy::Priority), now).1);
        all[1].opened = None;
        all[2].opened = None;
        assert_eq!(order(&all, &draw(Strategy::Priority), now), [1, 2], "rather those that only failed a check");
        assert!(order(&[], &draw(Strategy::Priority), now).is_empty());
    }

    fn any_choices() -> impl proptest::strategy::Strategy<Value = Vec<Choice>> {
        proptest::collection::vec((-1i32..2, 0u32..4, any::<bool>(), any::<u64>()), 1..8).prop_map(|all| {
            let with = |(index, (priority, weight, admitted, seed))| Choice {
                index,
                priority,
                weight,
                seed,
                admitted,
                ..choices(1)[0]
            };
            all.into_iter().enumerate().map(with).collect()
        })
    }

    const STRATEGIES: [Strategy; 4] =
        [Strategy::Priority, Strategy::Weighted, Strategy::RoundRobin, Strategy::LeastLatency];

    proptest! {
        /// Each target that is well stands there once, the highest priority first.
        #[test]
        fn each_once_by_priority(all in any_choices(), which in 0usize..4, key: Option<u64>, random: u64, turn: u64) {
            let draw = Draw { strategy: STRATEGIES[which], key, turn, random };
            let order = order(&all, &draw, Instant::now());
            prop_assert!(!order.is_empty());
            let well: Vec<_> = all.iter().filter(|choice| choice.admitted).map(|choice| choice.index).collect();
            let mut sorted = order.clone();
            sorted.sort_unstable();
            prop_assert!(well.is_empty() || sorted == well);
            prop_assert!(order.windows(2).all(|two| all[two[0]].priority >= all[two[1]].priority));
        }

        /// A target that goes away moves no conversation but its own.
        #[test]
        fn a_conversation_keeps_its_target(all in any_choices(), which in 1usize..4, key: u64, gone: usize, other: u64) {
            let mut all = all;
            all.iter_mut().for_each(|choice| choice.admitted = true);
            let draw = Draw { strategy: STRATEGIES[which], key: Some(key), turn: other, random: other };
            let before = order(&all, &draw, Instant::now());
            let elsewhere = Draw { turn: !other, random: !other, ..draw };
            prop_assert_eq!(&before, &order(&all, &elsewhere, Instant::now()));
            let gone = gone % all.len();
            all[gone].admitted = false;
            if all.len() > 1 {
                let after = order(&all, &draw, Instant::now());
                let kept: Vec<_> = before.into_iter().filter(|index| *index != gone).collect();
                prop_assert_eq!(after, kept);
            }
        }
    }
}

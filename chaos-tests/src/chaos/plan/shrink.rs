//! A plan that still fails, with as few faults as that takes.

use super::Plan;

/// Leaves out faults, first many at a time, then one by one, as long as `fails` says that the plan
/// still fails. What it returns fails without any one of its faults no longer (as far as `fails`
/// gives the same answer each time; a run of real processes may not, so let it try more than once).
pub fn shrink(plan: &Plan, mut fails: impl FnMut(&Plan) -> bool) -> Plan {
    let mut best = plan.clone();
    let mut size = best.faults.len();
    while size > 0 {
        let mut at = 0;
        let mut is_smaller = false;
        while at < best.faults.len() {
            let end = (at + size).min(best.faults.len());
            let mut faults = best.faults.clone();
            faults.drain(at..end);
            let fewer = best.with_faults(faults);
            if fails(&fewer) {
                best = fewer;
                is_smaller = true;
            } else {
                at = end;
            }
        }
        // One by one until nothing more can go; what was needed before may be so no longer.
        if size > 1 || !is_smaller {
            size /= 2;
        }
    }
    best
}

//! L-BFGS: the minimum of a smooth function of many numbers, the same on every run.

use std::collections::VecDeque;

/// Steps remembered for the curvature.
const MEMORY: usize = 8;

/// Moves `point` to where `value` is least. `value` returns the value at a point and writes the
/// gradient there. Ends after `steps`, or when a step no longer gains a millionth.
pub(super) fn minimise(
    point: &mut [f32],
    steps: usize,
    value: &mut dyn FnMut(&[f32], &mut [f32]) -> f64,
) {
    let mut slope = vec![0.0; point.len()];
    let mut now = value(point, &mut slope);
    let mut memory: VecDeque<(Vec<f32>, Vec<f32>, f64)> = VecDeque::new();
    for _ in 0..steps {
        let mut direction = direction(&slope, &memory);
        let mut descent = dot(&direction, &slope);
        if descent >= 0.0 {
            // The remembered curvature misleads: start over downhill.
            memory.clear();
            direction = slope.iter().map(|slope| -slope).collect();
            descent = dot(&direction, &slope);
        }
        let first = if memory.is_empty() { 1.0 / dot(&slope, &slope).sqrt().max(1.0) } else { 1.0 };
        let Some((next, next_slope, next_value)) =
            walk(point, &direction, now, descent, first, value)
        else {
            return;
        };
        let moved: Vec<f32> = next.iter().zip(point.iter()).map(|(a, b)| a - b).collect();
        let turned: Vec<f32> = next_slope.iter().zip(&slope).map(|(a, b)| a - b).collect();
        let curvature = dot(&moved, &turned);
        if curvature > 1e-12 {
            memory.push_back((moved, turned, curvature));
            if memory.len() > MEMORY {
                memory.pop_front();
            }
        }
        point.copy_from_slice(&next);
        slope = next_slope;
        let gained = now - next_value;
        now = next_value;
        if gained < 1e-6 * now.abs().max(1e-6) {
            return;
        }
    }
}

/// Halves the step until it gains enough (Armijo); nothing when no step does.
fn walk(
    point: &[f32],
    direction: &[f32],
    now: f64,
    descent: f64,
    first: f64,
    value: &mut dyn FnMut(&[f32], &mut [f32]) -> f64,
) -> Option<(Vec<f32>, Vec<f32>, f64)> {
    let mut length = first;
    let mut slope = vec![0.0; point.len()];
    for _ in 0..20 {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a step length needs no double precision"
        )]
        let step = length as f32;
        let next: Vec<f32> = point.iter().zip(direction).map(|(at, by)| at + step * by).collect();
        let there = value(&next, &mut slope);
        if there <= now + 1e-4 * length * descent {
            return Some((next, slope, there));
        }
        length *= 0.5;
    }
    None
}

/// Against the slope, bent by what the last steps learnt about the curvature.
#[expect(clippy::cast_possible_truncation, reason = "factors of single-precision vectors")]
fn direction(slope: &[f32], memory: &VecDeque<(Vec<f32>, Vec<f32>, f64)>) -> Vec<f32> {
    let mut way: Vec<f32> = slope.iter().map(|slope| -slope).collect();
    let mut shares = Vec::with_capacity(memory.len());
    for (moved, turned, curvature) in memory.iter().rev() {
        let share = dot(moved, &way) / curvature;
        shares.push(share);
        add(&mut way, turned, -share as f32);
    }
    if let Some((_, turned, curvature)) = memory.back() {
        let scale = (curvature / dot(turned, turned).max(1e-30)) as f32;
        way.iter_mut().for_each(|at| *at *= scale);
    }
    for ((moved, turned, curvature), share) in memory.iter().zip(shares.iter().rev()) {
        let back = dot(turned, &way) / curvature;
        add(&mut way, moved, (share - back) as f32);
    }
    way
}

fn add(to: &mut [f32], what: &[f32], times: f32) {
    for (to, what) in to.iter_mut().zip(what) {
        *to += times * what;
    }
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

use proptest::prelude::*;

use crate::math;
use crate::tensors::half;

#[test]
fn erf_is_near_enough() {
    let table = [
        (0.0, 0.0),
        (0.1, 0.112_462_916),
        (0.5, 0.520_499_9),
        (1.0, 0.842_700_8),
        (2.0, 0.995_322_3),
        (3.5, 0.999_999_3),
        (9.0, 1.0),
    ];
    for (x, wanted) in table {
        for (x, wanted) in [(x, wanted), (-x, -wanted)] {
            assert!((math::erf(x) - wanted).abs() < 5e-7, "{x}: {} {wanted}", math::erf(x));
        }
    }
}

#[test]
fn half_precision_numbers_are_read() {
    let table = [
        (0x0000, 0.0),
        (0x3c00, 1.0),
        (0xc000, -2.0),
        (0x3555, 0.333_251_95),
        (0x0001, 5.960_464_5e-8),
        (0x7bff, 65_504.0),
    ];
    for (bits, wanted) in table {
        assert_eq!(half(bits), wanted, "{bits:04x}");
    }
    assert!(half(0x7c00).is_infinite() && half(0x7e00).is_nan());
}

#[test]
fn a_vector_without_direction_gets_one() {
    let mut vector = [0.0; 4];
    math::normalise(&mut vector);
    assert_eq!(vector, [1.0, 0.0, 0.0, 0.0]);
}

proptest! {
    #[test]
    fn exp_is_near_enough(x in -86.0f32..0.0) {
        let (ours, theirs) = (f64::from(math::exp(x)), f64::from(x).exp());
        prop_assert!((ours - theirs).abs() <= 3e-7 * theirs, "{x}: {ours} {theirs}");
    }

    #[test]
    fn softmax_is_a_distribution(mut row in prop::collection::vec(-1e4f32..1e4, 1..64)) {
        math::softmax(&mut row);
        prop_assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        prop_assert!(row.iter().all(|value| (0.0..=1.0).contains(value)));
    }
}

//! Least squares with costs that are not negative: how much CPU time each kind of work takes, from
//! runs that do them in different proportions. Pure.

/// Enough for a handful of costs to settle to more digits than they have.
const SWEEPS: usize = 20_000;

/// The costs `x`, none below zero, that make `row · x` closest to each row's `total`, as a part of
/// the total. Rows are amounts and their total; a row without a total says nothing.
pub fn costs<const KINDS: usize>(rows: &[([f64; KINDS], f64)]) -> [f64; KINDS] {
    let mut scales = [0.0_f64; KINDS];
    let relative: Vec<[f64; KINDS]> = rows
        .iter()
        .filter(|(_, total)| *total > 0.0)
        .map(|(amounts, total)| amounts.map(|amount| amount / total))
        .collect();
    for row in &relative {
        scales.iter_mut().zip(row).for_each(|(scale, amount)| *scale = scale.max(amount.abs()));
    }
    // Columns of like size, so that no cost is lost beside a large one.
    let at = |row: &[f64; KINDS], kind: usize| {
        if scales[kind] > 0.0 { row[kind] / scales[kind] } else { 0.0 }
    };
    let mut found = [0.0; KINDS];
    let mut rest = vec![1.0; relative.len()];
    for _ in 0..SWEEPS {
        for (kind, cost) in found.iter_mut().enumerate() {
            let square: f64 = relative.iter().map(|row| at(row, kind).powi(2)).sum();
            if square <= 0.0 {
                continue;
            }
            let pairs = relative.iter().zip(&rest);
            let slope: f64 = pairs.map(|(row, rest)| at(row, kind) * rest).sum();
            let better = (*cost + slope / square).max(0.0);
            let change = better - *cost;
            *cost = better;
            for (row, rest) in relative.iter().zip(&mut rest) {
                *rest -= change * at(row, kind);
            }
        }
    }
    for (cost, scale) in found.iter_mut().zip(scales) {
        *cost = if scale > 0.0 { *cost / scale } else { 0.0 };
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rows: &[([f64; 3], f64)], expected: [f64; 3]) {
        let found = costs(rows);
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() <= 1e-6 * expected.max(1e-9), "{found} {expected}");
        }
    }

    #[test]
    fn costs_that_explain_everything_are_found_whatever_their_size() {
        let truth = [20e-6, 1e-9, 0.3];
        let total = |row: [f64; 3]| row.iter().zip(truth).map(|(amount, cost)| amount * cost).sum();
        let rows = [[5e3, 5e6, 0.1], [4e4, 1e7, 0.2], [1e3, 1e9, 0.3], [100.0, 1e5, 2.0]];
        check(&rows.map(|row| (row, total(row))), truth);
    }

    #[test]
    fn no_cost_is_below_zero() {
        // The second kind would have to be negative to explain both.
        let found = costs(&[([1.0, 0.0, 0.0], 2.0), ([1.0, 1.0, 0.0], 1.0)]);
        assert!(found.iter().all(|cost| *cost >= 0.0) && found[1] < 1e-9, "{found:?}");
        assert_eq!(found[2], 0.0);
    }

    #[test]
    fn no_rows_give_no_costs() {
        check(&[], [0.0; 3]);
        check(&[([1.0, 1.0, 1.0], 0.0)], [0.0; 3]);
    }
}

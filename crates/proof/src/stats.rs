//! Binomial tails and the functions under them, the same to the bit on every machine.
//!
//! A verdict must be re-derivable by anyone, years later, on another processor. The `ln` and `exp`
//! of a platform's mathematics library differ in their last bits, so both are written here from the
//! four operations and the square root, which IEEE 754 defines exactly. Accuracy: about 14 digits
//! of the logarithm of a tail for arguments below a million (checked against known values below).
//!
//! Tails take *real* counts, because an effective sample size is not a whole number. They are the
//! usual continuous extension through the incomplete beta function, the one that Clopper and
//! Pearson's interval uses: `P(Bin(n, p) >= x) = I_p(x, n - x + 1)` (DLMF 8.17.5; at whole `x` it
//! is exact).

/// ln 2 in two parts, the first with trailing zero bits, so that a multiple of it is exact.
const LN2_HIGH: f64 = 0.693_147_180_369_123_8;
const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
const HALF_LN_TWO_PI: f64 = 0.918_938_533_204_672_7;

/// Natural logarithm; minus infinity for zero, negative numbers and NaN.
#[must_use]
pub fn ln(x: f64) -> f64 {
    if x.is_nan() || x <= 0.0 {
        return f64::NEG_INFINITY;
    }
    if x.is_infinite() {
        return x;
    }
    let (x, below) = if x < f64::MIN_POSITIVE { (x * 2f64.powi(54), 54) } else { (x, 0) };
    let bits = x.to_bits();
    let mut exponent = ((bits >> 52) & 0x7ff) as i64 - 1023 - below;
    let mut mantissa = f64::from_bits((bits & 0x000f_ffff_ffff_ffff) | (1023 << 52));
    if mantissa > std::f64::consts::SQRT_2 {
        mantissa *= 0.5;
        exponent += 1;
    }
    // ln m = 2 artanh s with |s| < 0.172: eleven terms reach the last bit.
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let z = s * s;
    let mut series = 0.0;
    for k in (0..12).rev() {
        series = series * z + 1.0 / f64::from(2 * k + 1);
    }
    let exponent = exponent as f64;
    exponent * LN2_HIGH + (2.0 * s * series + exponent * LN2_LOW)
}

/// `e^x` for `x <= 0`; larger arguments give 1, and NaN gives 0.
#[must_use]
pub fn exp_of_negative(x: f64) -> f64 {
    if x >= 0.0 {
        return 1.0;
    }
    if x.is_nan() || x < -708.0 {
        return 0.0;
    }
    let halvings = (x / (LN2_HIGH + LN2_LOW)).round();
    let rest = (x - halvings * LN2_HIGH) - halvings * LN2_LOW;
    let mut series = 1.0;
    for k in (1..18).rev() {
        series = 1.0 + series * rest / f64::from(k);
    }
    series * f64::from_bits(((1023 + halvings as i64) as u64) << 52)
}

/// `ln(1 - p)` for `0 <= p < 1`, exact also where `1 - p` would round.
fn ln_of_rest(p: f64) -> f64 {
    if p < 1e-4 { -p * (1.0 + p * (0.5 + p * (1.0 / 3.0 + p * 0.25))) } else { ln(1.0 - p) }
}

/// Logarithm of the gamma function for `x > 0` (Stirling's series, DLMF 5.11.1, shifted to `x >=
/// 12`).
#[must_use]
pub fn ln_gamma(x: f64) -> f64 {
    let mut at = x;
    let mut product = 1.0;
    while at < 12.0 {
        product *= at;
        at += 1.0;
    }
    // B_2k / (2k (2k-1)).
    const TERMS: [f64; 6] =
        [1.0 / 12.0, -1.0 / 360.0, 1.0 / 1260.0, -1.0 / 1680.0, 1.0 / 1188.0, -691.0 / 360_360.0];
    let inverse_square = 1.0 / (at * at);
    let series = TERMS.iter().rev().fold(0.0, |sum, term| sum * inverse_square + term);
    (at - 0.5) * ln(at) - at + HALF_LN_TWO_PI + series / at - ln(product)
}

/// The continued fraction of the incomplete beta function (DLMF 8.17.22), by Lentz's method.
fn beta_fraction(a: f64, b: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let away_from_zero = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = d;
    // Converges in about the square root of max(a, b) steps; the limit is far above that.
    for m in 1..100_000 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / away_from_zero(1.0 + even * d);
        c = away_from_zero(1.0 + even / c);
        fraction *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / away_from_zero(1.0 + odd * d);
        c = away_from_zero(1.0 + odd / c);
        let step = d * c;
        fraction *= step;
        if (step - 1.0).abs() < 1e-15 {
            break;
        }
    }
    fraction
}

/// Logarithm of the regularized incomplete beta function `I_x(a, b)`, also where it is far below
/// 1e-300.
///
/// `y` is `1 - x`, given apart so that neither rounds.
fn ln_beta_regularized(a: f64, b: f64, x: f64, y: f64) -> f64 {
    if a <= 0.0 || x >= 1.0 || y <= 0.0 {
        return 0.0;
    }
    if b <= 0.0 || x <= 0.0 {
        return f64::NEG_INFINITY;
    }
    let ln_part = |x: f64, y: f64| if x < y { ln(x) } else { ln_of_rest(y) };
    let front = a * ln_part(x, y) + b * ln_part(y, x) + ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b);
    if x < (a + 1.0) / (a + b + 2.0) {
        (front - ln(a) + ln(beta_fraction(a, b, x))).min(0.0)
    } else {
        let other = exp_of_negative(front - ln(b) + ln(beta_fraction(b, a, y)));
        ln_of_rest(other.min(1.0))
    }
}

/// Logarithm of `P(Bin(n, p) >= x)`, natural; 0 where `x <= 0`, minus infinity where it is
/// impossible.
#[must_use]
pub fn ln_tail_at_least(x: f64, n: f64, p: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x > n || p <= 0.0 {
        return f64::NEG_INFINITY;
    }
    ln_beta_regularized(x, n - x + 1.0, p, 1.0 - p)
}

/// Logarithm of `P(Bin(n, p) <= x)`, natural; 0 where `x >= n`, minus infinity where it is
/// impossible.
#[must_use]
pub fn ln_tail_at_most(x: f64, n: f64, p: f64) -> f64 {
    if x >= n || p <= 0.0 {
        return 0.0;
    }
    if x < 0.0 || p >= 1.0 {
        return f64::NEG_INFINITY;
    }
    ln_beta_regularized(n - x, x + 1.0, 1.0 - p, p)
}

/// Upper end of the one-sided Clopper–Pearson interval: the largest share under which `x` of `n` or
/// fewer still has a probability above `error`. 1 when `n` is zero.
///
/// Source: Clopper and Pearson, Biometrika 26 (1934), 404–413.
#[must_use]
pub fn share_upper(x: f64, n: f64, error: f64) -> f64 {
    if n.is_nan() || n <= 0.0 || x >= n {
        return 1.0;
    }
    let (mut low, mut high) = (0.0, 1.0);
    let ln_error = ln(error);
    // A fixed number of halvings, so that the result doesn't depend on a stopping rule.
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if ln_tail_at_most(x, n, middle) > ln_error {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// Lower end of the one-sided Clopper–Pearson interval: the smallest share under which `x` of `n` or
/// more still has a probability above `error`. 0 when `n` or `x` is zero.
#[must_use]
pub fn share_lower(x: f64, n: f64, error: f64) -> f64 {
    if n.is_nan() || n <= 0.0 || x.is_nan() || x <= 0.0 {
        return 0.0;
    }
    let (x, mut low, mut high) = (x.min(n), 0.0, 1.0);
    let ln_error = ln(error);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if ln_tail_at_least(x, n, middle) > ln_error {
            high = middle;
        } else {
            low = middle;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(got: f64, expected: f64, relative: f64) {
        assert!((got - expected).abs() <= relative * expected.abs(), "{got} is not {expected}");
    }

    #[test]
    fn logarithm_and_exponential_agree_with_the_platform() {
        for i in 1..4000 {
            let x = 1.013f64.powi(i - 2000);
            near(ln(x), x.ln(), 4e-16);
            let y = -f64::from(i) * 0.17;
            near(exp_of_negative(y), y.exp(), 1e-14);
        }
        near(ln(5e-324), 5e-324f64.ln(), 1e-15);
        assert_eq!(ln(1.0), 0.0);
        assert_eq!(ln(0.0), f64::NEG_INFINITY);
        assert_eq!(exp_of_negative(0.0), 1.0);
        assert_eq!(exp_of_negative(f64::NEG_INFINITY), 0.0);
    }

    #[test]
    fn gamma_at_known_points() {
        near(ln_gamma(0.5), 0.572_364_942_924_700_1, 1e-14);
        near(ln_gamma(10.0), 362_880f64.ln(), 1e-14);
        near(ln_gamma(0.1), 2.252_712_651_734_206, 1e-13);
        near(ln_gamma(100.0), 359.134_205_369_575_4, 1e-15);
        near(ln_gamma(1e6), 12_815_504.569_147_612, 1e-15);
        assert!(ln_gamma(1.0).abs() < 1e-14 && ln_gamma(2.0).abs() < 1e-14);
    }

    /// The sum of the terms, for whole numbers: slow and plainly right.
    fn summed(from: u32, to: u32, n: u32, p: f64) -> f64 {
        let term = |k: u32| {
            (0..k).fold((1.0 - p).powi((n - k) as i32), |product, i| {
                product * f64::from(n - i) / f64::from(k - i) * p
            })
        };
        (from..=to).map(term).sum()
    }

    #[test]
    fn tails_equal_the_sum_of_the_terms() {
        for n in [1u32, 2, 7, 30, 120] {
            for p in [1e-6, 1e-3, 0.03, 0.3, 0.5, 0.97] {
                for x in (0..=n).step_by(1 + n as usize / 9) {
                    let (xf, nf) = (f64::from(x), f64::from(n));
                    near(ln_tail_at_least(xf, nf, p).exp(), summed(x, n, n, p), 1e-11);
                    near(ln_tail_at_most(xf, nf, p).exp(), summed(0, x, n, p), 1e-11);
                }
            }
        }
    }

    #[test]
    fn tails_far_out() {
        // All of 1000 at p = 1e-3: 1000 ln 1e-3.
        near(ln_tail_at_least(1000.0, 1000.0, 1e-3), -6_907.755_278_982_137, 1e-13);
        // None of a million at p = 0.03: 1e6 ln 0.97.
        near(ln_tail_at_most(0.0, 1e6, 0.03), 1e6 * 0.97f64.ln(), 1e-12);
        // 227 clean draws exclude 3 % at 1e-3, 226 don't.
        assert!(ln_tail_at_most(0.0, 227.0, 0.03) <= 1e-3f64.ln());
        assert!(ln_tail_at_most(0.0, 226.0, 0.03) > 1e-3f64.ln());
        assert_eq!(ln_tail_at_least(3.0, 2.0, 0.5), f64::NEG_INFINITY);
        assert_eq!(ln_tail_at_least(0.0, 0.0, 0.5), 0.0);
        assert_eq!(ln_tail_at_most(0.0, 0.0, 0.5), 0.0);
    }

    #[test]
    fn clopper_pearson_at_known_points() {
        // None of n: 1 - error^(1/n). "Rule of three".
        near(share_upper(0.0, 100.0, 0.05), 1.0 - 0.05f64.powf(0.01), 1e-12);
        // 5 of 50 at 2.5 % in the tail: 0.2181, the value in tables.
        near(share_upper(5.0, 50.0, 0.025), 0.218_135, 1e-5);
        // The lower end of the same: 0.0333. All of n: error^(1/n).
        near(share_lower(5.0, 50.0, 0.025), 0.033_275, 1e-4);
        near(share_lower(20.0, 20.0, 0.05), 0.05f64.powf(0.05), 1e-12);
        assert_eq!(share_lower(0.0, 50.0, 0.05), 0.0);
        assert_eq!(share_lower(0.0, 0.0, 0.05), 0.0);
        assert_eq!(share_upper(0.0, 0.0, 0.05), 1.0);
        assert_eq!(share_upper(4.0, 4.0, 0.05), 1.0);
    }
}

//! What a comparison of tiles counts. It is here because verdicts are kept with their counts.

/// Edge of the patches in which counts are also summed, to see how clumped they are; in pixels.
pub const PATCH_PX: u32 = 16;

/// The counts of one tile, or of several added up; all in pixels unless said otherwise.
///
/// `pixels = informative_judged + direct_judged + unstable + near_unstable + not_judged`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct TileCounts {
    /// Pixels of the tile.
    pub pixels: u64,
    /// Informative pixels that were judged.
    pub informative_judged: u64,
    /// Of these, those that agree.
    pub informative_agree: u64,
    /// Pixels to which the seed makes no difference and that were judged.
    pub direct_judged: u64,
    /// Of these, those that agree.
    pub direct_agree: u64,
    /// Pixels in which two replicas differ.
    pub unstable: u64,
    /// Pixels left out because they are close to unstable ones.
    pub near_unstable: u64,
    /// Pixels left out because the replica isn't finite.
    pub not_judged: u64,
    /// Pixels for which there was a second replica: all or, of one tile, none.
    pub repeated: u64,
    /// Sum of the squared numbers of informative judged pixels of each 16 × 16 patch
    /// ([`PATCH_PX`]).
    pub informative_patch_squares: u64,
    /// The same for the direct judged pixels.
    pub direct_patch_squares: u64,
    /// The same for the unstable pixels.
    pub unstable_patch_squares: u64,
    /// Pixels of tiles that lie where honest renders of the preview differed: all or, of one tile,
    /// none.
    pub unsteady: u64,
}

impl TileCounts {
    /// Pixels that were judged.
    #[must_use]
    pub fn judged(&self) -> u64 {
        self.informative_judged + self.direct_judged
    }

    /// Judged pixels that disagree.
    #[must_use]
    pub fn wrong(&self) -> u64 {
        self.informative_wrong() + self.direct_wrong()
    }

    /// Informative judged pixels that disagree.
    #[must_use]
    pub fn informative_wrong(&self) -> u64 {
        self.informative_judged.saturating_sub(self.informative_agree)
    }

    /// Direct judged pixels that disagree.
    #[must_use]
    pub fn direct_wrong(&self) -> u64 {
        self.direct_judged.saturating_sub(self.direct_agree)
    }

    /// Whether the numbers fit together, as those of a comparison always do; check counts from
    /// elsewhere.
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        let parts = [
            self.informative_judged,
            self.direct_judged,
            self.unstable,
            self.near_unstable,
            self.not_judged,
        ];
        let sum = parts.iter().try_fold(0u64, |sum, part| sum.checked_add(*part));
        let squares = |n: u64, squares: u64| {
            squares >= n && u128::from(squares) <= u128::from(n) * u128::from(PATCH_PX * PATCH_PX)
        };
        sum == Some(self.pixels)
            && self.informative_agree <= self.informative_judged
            && self.direct_agree <= self.direct_judged
            && self.repeated <= self.pixels
            && self.unsteady <= self.pixels
            && squares(self.informative_judged, self.informative_patch_squares)
            && squares(self.direct_judged, self.direct_patch_squares)
            && squares(self.unstable, self.unstable_patch_squares)
    }
}

impl std::ops::AddAssign for TileCounts {
    fn add_assign(&mut self, other: Self) {
        self.pixels += other.pixels;
        self.informative_judged += other.informative_judged;
        self.informative_agree += other.informative_agree;
        self.direct_judged += other.direct_judged;
        self.direct_agree += other.direct_agree;
        self.unstable += other.unstable;
        self.near_unstable += other.near_unstable;
        self.not_judged += other.not_judged;
        self.repeated += other.repeated;
        self.informative_patch_squares += other.informative_patch_squares;
        self.direct_patch_squares += other.direct_patch_squares;
        self.unstable_patch_squares += other.unstable_patch_squares;
        self.unsteady += other.unsteady;
    }
}

/// Takes out what was added before.
impl std::ops::SubAssign for TileCounts {
    fn sub_assign(&mut self, other: Self) {
        self.pixels = self.pixels.saturating_sub(other.pixels);
        self.informative_judged = self.informative_judged.saturating_sub(other.informative_judged);
        self.informative_agree = self.informative_agree.saturating_sub(other.informative_agree);
        self.direct_judged = self.direct_judged.saturating_sub(other.direct_judged);
        self.direct_agree = self.direct_agree.saturating_sub(other.direct_agree);
        self.unstable = self.unstable.saturating_sub(other.unstable);
        self.near_unstable = self.near_unstable.saturating_sub(other.near_unstable);
        self.not_judged = self.not_judged.saturating_sub(other.not_judged);
        self.repeated = self.repeated.saturating_sub(other.repeated);
        self.informative_patch_squares =
            self.informative_patch_squares.saturating_sub(other.informative_patch_squares);
        self.direct_patch_squares =
            self.direct_patch_squares.saturating_sub(other.direct_patch_squares);
        self.unstable_patch_squares =
            self.unstable_patch_squares.saturating_sub(other.unstable_patch_squares);
        self.unsteady = self.unsteady.saturating_sub(other.unsteady);
    }
}

impl std::iter::Sum for TileCounts {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(TileCounts::default(), |mut sum, counts| {
            sum += counts;
            sum
        })
    }
}

//! What nodes do: honest ones, and every way of being dishonest that is simulated.

/// How a worker behaves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum WorkerKind {
    /// Renders what the scene defines.
    Honest,
    /// Sends garbage for every frame.
    ForgesAll,
    /// Renders half of the samples, always.
    HalfSamples,
    /// Forges one frame in twenty, at random.
    Selective,
    /// Honest for so many frames, then forges this share of them.
    Turncoat {
        /// Frames before it turns.
        after: u64,
        /// Share of the frames that it forges from then on.
        share: f64,
    },
    /// Forges frames that are worth more than most.
    Expensive,
    /// Forges a tenth of the area of every frame.
    TenthOfArea,
    /// Fewer bounces: most tiles are slightly wrong, so that one wrong tile doesn't decide.
    Settings,
    /// Forges every third frame; the verifiers of its cartel show the same forgery.
    Cartel,
    /// Signs receipts and never delivers half of the blobs.
    Withholds,
    /// Its engine falls over at four frames in ten.
    Crashes,
}

impl WorkerKind {
    /// Every kind but the honest one.
    pub const DISHONEST: [WorkerKind; 13] = [
        WorkerKind::ForgesAll,
        WorkerKind::HalfSamples,
        WorkerKind::Selective,
        WorkerKind::Selective,
        WorkerKind::Turncoat { after: 0, share: 1.0 },
        WorkerKind::Turncoat { after: 0, share: 0.3 },
        WorkerKind::Turncoat { after: 0, share: 0.1 },
        WorkerKind::Expensive,
        WorkerKind::TenthOfArea,
        WorkerKind::Settings,
        WorkerKind::Cartel,
        WorkerKind::Withholds,
        WorkerKind::Crashes,
    ];

    /// What it is called in the report.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            WorkerKind::Honest => "honest",
            WorkerKind::ForgesAll => "forges every frame",
            WorkerKind::HalfSamples => "renders half of the samples",
            WorkerKind::Selective => "forges 5 % of its frames",
            WorkerKind::Turncoat { share, .. } if share >= 1.0 => "turncoat, then every frame",
            WorkerKind::Turncoat { share, .. } if share >= 0.2 => "turncoat, then 30 %",
            WorkerKind::Turncoat { .. } => "turncoat, then 10 %",
            WorkerKind::Expensive => "forges expensive frames",
            WorkerKind::TenthOfArea => "forges 10 % of the area",
            WorkerKind::Settings => "cheats on settings",
            WorkerKind::Cartel => "cartel with verifiers",
            WorkerKind::Withholds => "never delivers blobs",
            WorkerKind::Crashes => "crashes often",
        }
    }

    /// Whether it sends frames that are not what the scene defines.
    #[must_use]
    pub fn forges(self) -> bool {
        !matches!(self, WorkerKind::Honest | WorkerKind::Withholds | WorkerKind::Crashes)
    }
}

/// How a verifier behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerifierKind {
    /// Shows what it rendered.
    Honest,
    /// Shows garbage, other each time.
    Garbage,
    /// Shows an old answer again.
    Replays,
    /// Sends garbage with a control so far off that anything agrees.
    AlwaysYes,
    /// Takes tasks and doesn't answer in time.
    Late,
    /// Renders half of the samples: differs from the truth, agrees with others that do the same.
    Lazy,
    /// Shows what workers of its cartel deliver, and the truth otherwise.
    Cartel,
    /// Shows the same wrong pictures as the others of its cartel.
    Saboteur,
    /// The same after a hundred honest answers.
    PatientSaboteur,
}

impl VerifierKind {
    /// Every kind but the honest one.
    pub const DISHONEST: [VerifierKind; 8] = [
        VerifierKind::Garbage,
        VerifierKind::Replays,
        VerifierKind::AlwaysYes,
        VerifierKind::Late,
        VerifierKind::Lazy,
        VerifierKind::Cartel,
        VerifierKind::Saboteur,
        VerifierKind::PatientSaboteur,
    ];

    /// What it is called in the report.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            VerifierKind::Honest => "honest",
            VerifierKind::Garbage => "shows garbage",
            VerifierKind::Replays => "replays an old answer",
            VerifierKind::AlwaysYes => "always yes (huge control)",
            VerifierKind::Late => "never answers in time",
            VerifierKind::Lazy => "renders half of the samples",
            VerifierKind::Cartel => "cartel with workers",
            VerifierKind::Saboteur => "saboteur cartel",
            VerifierKind::PatientSaboteur => "saboteur cartel, patient",
        }
    }
}

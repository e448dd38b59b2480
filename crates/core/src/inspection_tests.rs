use super::*;
use crate::farm::tests::{facts, preview, submission};
use crate::job::Allowances;
use crate::scene::MissingFile;

type Codes = Vec<&'static str>;

fn codes(
    change_facts: impl FnOnce(&mut SceneFacts),
    change_submission: impl FnOnce(&mut Submission),
) -> Result<(Inspected, FrameSet), Codes> {
    let (mut facts, mut submission) = (facts(), submission("1-3"));
    change_facts(&mut facts);
    change_submission(&mut submission);
    let decided = decide(&submission, facts, Some(preview()));
    decided.map_err(|refusals| refusals.iter().map(|refusal| refusal.code.as_str()).collect())
}

#[test]
fn what_is_refused_and_what_lets_it_pass() {
    let refused = |change: fn(&mut SceneFacts), want: Codes| {
        assert_eq!(codes(change, |_| {}).map(|_| ()), Err(want));
    };
    refused(|f| f.saved_by = [5, 2, 0], vec!["scene_too_new"]);
    refused(|f| f.render_engine = "BLENDER_EEVEE_NEXT".into(), vec!["render_engine_not_cycles"]);
    refused(|f| f.camera = None, vec!["no_camera"]);
    refused(|f| f.time_limit_s = 60.0, vec!["time_limit_set"]);
    refused(|f| f.unbaked = vec!["Smoke".into()], vec!["simulation_not_baked"]);
    refused(|f| f.size.width = 1_000_000, vec!["size_out_of_range"]);
    refused(|f| (f.camera, f.time_limit_s) = (None, 1.0), vec!["no_camera", "time_limit_set"]);
    assert!(codes(|f| f.saved_by = [4, 5, 99], |_| {}).is_ok(), "a newer patch is the same format");
}

#[test]
fn allowances_let_pass_what_they_name() {
    let missing = |facts: &mut SceneFacts| {
        facts.missing = vec![MissingFile {
            path: "//wood.png".into(),
            kind: "image".into(),
            used_by: "Wood".into(),
        }];
    };
    assert_eq!(codes(missing, |_| {}).map(|_| ()), Err(vec!["files_missing"]));
    let allow = |allow| move |submission: &mut Submission| submission.allow = allow;
    let allowed = Allowances { missing_files: true, ..Allowances::default() };
    assert!(codes(missing, allow(allowed)).unwrap().0.notes[0].contains("1 missing files"));
    let forced = Allowances { force_cycles: true, ..Allowances::default() };
    let eevee = |facts: &mut SceneFacts| facts.render_engine = "BLENDER_EEVEE_NEXT".into();
    assert!(codes(eevee, allow(forced)).unwrap().0.settings.force_cycles);
}

#[test]
fn a_forced_scene_that_is_black_is_refused() {
    let mut submission = submission("1");
    submission.allow.force_cycles = true;
    let mut facts = facts();
    facts.render_engine = "BLENDER_EEVEE_NEXT".into();
    let black = PreviewFacts { black: true, ..preview() };
    let refusals = decide(&submission, facts, Some(black)).unwrap_err();
    assert_eq!(refusals[0].code, RefusalCode::PreviewBlack);
}

#[test]
fn a_scene_whose_output_nobody_could_check_is_refused() {
    let undevelopable = vec!["it uses Freestyle".to_owned()];
    let preview = PreviewFacts { undevelopable, ..preview() };
    let refusals = decide(&submission("1"), facts(), Some(preview)).unwrap_err();
    assert_eq!(refusals[0].code, RefusalCode::OutputNotCheckable);
    assert!(refusals[0].message.contains("Freestyle"));
}

#[test]
fn settings_follow_from_the_scene_unless_given() {
    let decided = codes(|f| f.percentage = 25, |_| {}).unwrap().0;
    assert_eq!(decided.settings.size, Size { width: 160, height: 90 });
    let half = |s: &mut Submission| s.overrides.percentage = Some(50);
    assert_eq!(codes(|_| {}, half).unwrap().0.settings.size, Size { width: 320, height: 180 });
    let zero = |s: &mut Submission| s.overrides.samples = Some(0);
    assert_eq!(codes(|_| {}, zero).map(|_| ()), Err(vec!["samples_out_of_range"]));
    let of_scene = |s: &mut Submission| s.frames = FramesWanted::OfScene;
    assert_eq!(codes(|f| f.frame_end = 9, of_scene).unwrap().1.count(), 9);
    assert_eq!(codes(|f| f.frame_end = 0, of_scene).map(|_| ()), Err(vec!["frames_empty"]));
}

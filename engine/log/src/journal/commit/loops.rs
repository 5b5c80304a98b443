//! The two tasks of a journal: one seals frames and starts their writes, one syncs what is written.

use std::rc::Rc;
use std::time::Duration;

use corelog_io::{now, spawn_at_once, timeout};

use super::{SealedFrame, State};

enum Turn {
    Wait,
    Gather(Duration),
    Seal,
}

impl State {
    /// What the writer does next.
    fn turn(&self) -> Turn {
        let core = self.core.borrow();
        // What does not fit waits in line: nothing more is coming, so the frame may as well leave.
        let full = core.open_frame_is_full(&self.config) || !self.line.is_empty();
        let may_seal = core.failed.is_none()
            && core.open.entries > 0
            && core.writing < self.config.frames_in_flight_max
            && (core.writing == 0 || full);
        if !may_seal {
            return Turn::Wait;
        }
        if full || !self.config.frames_gather {
            return Turn::Seal;
        }
        core.pace.pause(now()).map_or(Turn::Seal, Turn::Gather)
    }
}

pub(super) async fn write_loop(state: Rc<State>) {
    while !state.stopping.get() {
        let waiting = state.work.waiting();
        match state.turn() {
            Turn::Wait => {
                waiting.await;
                continue;
            }
            Turn::Gather(pause) => {
                state.core.borrow_mut().gathering = true;
                // Woken early, it looks again whether the frame is full.
                let _ended = timeout(pause, waiting).await;
                state.core.borrow_mut().gathering = false;
                continue;
            }
            Turn::Seal => {}
        }
        if !state.has_place_for_open_frame() {
            state.prepare_if_low();
            state.pressure.notify();
            waiting.await;
            continue;
        }
        let sealed = state.seal_open_frame();
        state.line.wake_first();
        if state.is_under_pressure() {
            state.pressure.notify();
        }
        state.prepare_if_low();
        let writer = Rc::clone(&state);
        spawn_at_once(async move {
            let SealedFrame { sequence, file, buffer, position, synced } = sealed;
            let outcome = if synced {
                file.write_synced(buffer, position).await
            } else {
                file.write(buffer, position).await
            };
            writer.written(sequence, outcome);
        })
        .detach();
    }
}

pub(super) async fn sync_loop(state: Rc<State>) {
    while !state.stopping.get() {
        let waiting = state.sync_work.waiting();
        let Some((end, files)) = state.sync_target() else {
            waiting.await;
            continue;
        };
        let began = now();
        if state.config.safeguards.syncs {
            for file in files {
                if let Err(error) = file.sync(state.config.sync_path).await {
                    return state.fail(&error);
                }
            }
        }
        state.settle_before(end, began);
    }
}

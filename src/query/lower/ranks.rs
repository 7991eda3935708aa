//! Window functions that tell a row's place: `rank` and the like, `lag`, `lead`.

use super::window::{Call, Steps, number as number_of};
use super::{Lowering, refused};
use crate::error::QueryError;

impl Lowering<'_> {
    pub(super) fn rank(&mut self, call: &Call, steps: &mut Steps) -> Result<(), QueryError> {
        let Call { name, id, window, .. } = *call;
        let row_number = number_of(&format!("ROW_NUMBER() {}", window.ordered));
        if name == "row_number" {
            steps.first.push(format!("{row_number} AS {id}"));
            return Ok(());
        }
        if !window.has_order {
            return refused(format!("`{name}` without ORDER BY in OVER"), "write OVER (ORDER BY …)");
        }
        let (number, first) = (self.fresh("n"), self.fresh("n"));
        steps.first.push(format!("{row_number} AS {number}"));
        let of_peers = |aggregate: &str| format!("{aggregate}({number}) OVER ({})", window.peers);
        match name {
            "rank" => steps.second.push(format!("{} AS {id}", of_peers("MIN"))),
            "dense_rank" => {
                steps.second.push(format!("CASE WHEN {number} = {} THEN 1 ELSE 0 END AS {first}", of_peers("MIN")));
                steps.third.push(format!("SUM({first}) {} AS {id}", window.ordered));
            }
            "ntile" => return self.tile(call, &number, steps),
            _ => {
                let all = self.fresh("n");
                let (end, less) = if name == "cume_dist" { ("MAX", 0) } else { ("MIN", 1) };
                steps.second.push(format!("{} AS {first}", of_peers(end)));
                steps.second.push(format!("MAX({number}) {} AS {all}", window.part));
                let share = format!("({first} - {less}) / ({all} - {less})");
                steps.third.push(format!("CASE WHEN {all} = {less} THEN 0.0 ELSE {share} END AS {id}"));
            }
        }
        Ok(())
    }

    /// `ntile`.
    fn tile(&mut self, call: &Call, number: &str, steps: &mut Steps) -> Result<(), QueryError> {
        let (n, all) = (call.argument(0), self.fresh("n"));
        if !n.parse::<i64>().is_ok_and(|n| n > 0) {
            return refused(format!("ntile of `{n}`"), "write a number above 0");
        }
        steps.second.push(format!("MAX({number}) {} AS {all}", call.window.part));
        // The first parts have a row more, where the rows are no multiple of them.
        let (size, longer) = (format!("({all} // {n})"), format!("({all} % {n})"));
        let (place, long) = (format!("({number} - 1)"), format!("({longer} * ({size} + 1))"));
        steps.third.push(format!(
            "CASE WHEN {place} < {long} THEN {place} // ({size} + 1) + 1 \
             ELSE {longer} + ({place} - {long}) // {size} + 1 END AS {}",
            call.id
        ));
        Ok(())
    }

    /// `lag` and `lead`.
    pub(super) fn shifted(&mut self, call: &Call, steps: &mut Steps) -> Result<(), QueryError> {
        let Call { name, id, window, .. } = *call;
        let (value, places, default) = (call.argument(0), call.argument(1), call.argument(2));
        let places = if places.is_empty() { Some(1) } else { places.parse::<i64>().ok() };
        let Some(places) = places.filter(|places| *places >= 0) else {
            return refused(format!("`{name}` by what is no number"), "write a number of rows, 0 or more");
        };
        let shifted = if places == 0 { value } else { format!("{name}({value}, {places}) {}", window.ordered) };
        if default.is_empty() {
            steps.first.push(format!("{shifted} AS {id}"));
            return Ok(());
        }
        let (moved, number, all) = (self.fresh("n"), self.fresh("n"), self.fresh("n"));
        steps.first.push(format!("{shifted} AS {moved}"));
        steps.first.push(format!("{} AS {number}", number_of(&format!("ROW_NUMBER() {}", window.ordered))));
        steps.second.push(format!("MAX({number}) {} AS {all}", window.part));
        let outside =
            if name == "lag" { format!("{number} <= {places}") } else { format!("{number} > {all} - {places}") };
        steps.third.push(format!("CASE WHEN {outside} THEN {default} ELSE {moved} END AS {id}"));
        Ok(())
    }
}

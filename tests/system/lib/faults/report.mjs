// What was wrong in a run, in lines: the findings, and the story of the first ones.
import { tell } from './tally.mjs';

const SHOWN = 20;
const TOLD_ABOUT = 3; // findings
const STORY = 600; // lines

export function findings(found) {
  const rest = found.length - SHOWN;
  return [...found.slice(0, SHOWN).map(({ kind, text }) => `${kind}: ${text}`),
    ...(rest > 0 ? [`and ${rest} more`] : [])];
}

export function story(log, found) {
  return tell(log, found.slice(0, TOLD_ABOUT).flatMap(({ about }) => about)).slice(0, STORY);
}

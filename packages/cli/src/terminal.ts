import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

/**
 * The one way from this command to a terminal. Names, command lines and reasons come from all over the fleet, and may hold
 * what rewrites the screen, turns the order of letters around or is not seen. So whatever is written is made harmless here, and not
 * where it is put together, which would be forgotten somewhere. Our own colours carry a number that nobody else knows.
 */
const OWN = String(1e8 + Math.floor(Math.random() * 9e8));
/** Only what a line break or a tab does is left, and the directions of letters as they come. */
const HARMFUL = String.raw`\r(?!\n)|[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u061c\u200b\u200c\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]`;
/** It has no width, and makes two names look like one; within an emoji it joins the parts. */
const LOOSE_JOINER = String.raw`(?<!\p{Extended_Pictographic}[\ufe0f\u{1f3fb}-\u{1f3ff}]?)\u200d|\u200d(?!\p{Extended_Pictographic})`;
const OWN_OR_HARMFUL = new RegExp(String.raw`\u001b\[${OWN};([\d;]*)m|${HARMFUL}|${LOOSE_JOINER}`, 'gu');
/** Within a string of JSON they are the same written so. */
const ESCAPABLE = /[\u007f-\u009f\u061c\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]/g;
const CLEAR_LINE = '\r\u001b[2K';

/** Colours for a person at a terminal: none in a pipe, nor with NO_COLOR. */
export function paint(style: Style, text: string): string {
  const [begin = '', end = ''] = styleText(style, '\0', { stream: process.stdout }).split('\0');
  return `${own(begin)}${text}${own(end)}`;
}

/** As it may be shown: with our own colours, and without anybody else's. */
export function harmless(text: string): string {
  return text.replace(OWN_OR_HARMFUL, (_match, sgr?: string) => (sgr === undefined ? '\ufffd' : `\u001b[${sgr}m`));
}

export function writeOut(text: string): void {
  process.stdout.write(harmless(text));
}

export function writeError(text: string): void {
  process.stderr.write(harmless(text));
}

/** A file's contents: in a pipe they are exact. */
export function writeExact(text: string): void {
  process.stdout.write(process.stdout.isTTY ? harmless(text) : text);
}

/** One document on a line of its own. */
export function writeJson(value: unknown, stream: 'stdout' | 'stderr' = 'stdout'): void {
  const text = process[stream].isTTY && stream === 'stdout' ? JSON.stringify(value, null, 2) : JSON.stringify(value);
  process[stream].write(`${text.replace(ESCAPABLE, escaped)}\n`);
}

/** Puts this in the place of what stood last on the line of stderr that tells how far things are. */
export function redraw(text: string): void {
  process.stderr.write(CLEAR_LINE + harmless(text));
}

function own(codes: string): string {
  return codes.replaceAll('\u001b[', `\u001b[${OWN};`);
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

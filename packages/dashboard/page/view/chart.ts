import { HIGHEST_PORT, type Interval, LOWEST_PORT } from '@portolan/model';
import { cell, type PortState, stateOf } from '../data/port-cells.ts';
import { outline } from './outline.ts';
import { PortImage, palette, SIDE } from './port-paint.ts';

interface Options {
  /** One for each port, changed in place; see `PortCells`. */
  readonly bytes: Uint8Array;
  /** The port under the pointer or the cursor is another. */
  readonly moved: (port: number) => void;
  readonly opened: (port: number) => void;
  readonly name: (port: number) => string | undefined;
}

const ZOOM_MAX = 64;
/** Sides of a square, device-independent pixels, from which there is room for lines between, a number, a name;
 * and the length from which a range has room for its label. */
const ROOM = { lines: 6, number: 30, name: 62, label: 60 };
const inks = ['sheet', 'map-line', 'map-range', 'map-ink', 'map-ink-over', 'map-cursor'] as const;
type Inks = Record<(typeof inks)[number], string>;
/** A press that moves less than this is a click, pixels. */
const CLICK = 4;

/**
 * The map of ports on a canvas: drawn anew at most once a frame, and only when something is different. It is steered by
 * pointer, wheel, two fingers and keys.
 */
export class Chart {
  readonly #canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D;
  readonly #options: Options;
  /** All ports, a pixel each. */
  readonly #cells = new OffscreenCanvas(SIDE, SIDE);
  readonly #image = new PortImage(this.#cells.getContext('2d')!);
  readonly #stop = new AbortController();
  readonly #resized: ResizeObserver;
  #colours!: Uint32Array;
  #inks!: Inks;
  #ranges: readonly (Interval & { name: string })[] = [];
  /** Pixels a port at zoom 1, the zoom, and the port coordinates at the left upper corner. */
  #unit = 1;
  #zoom = 1;
  #left = 0;
  #top = 0;
  #cursor = LOWEST_PORT;
  #shown = false;
  #scheduled = false;
  readonly #pointers = new Map<number, { x: number; y: number; from: { x: number; y: number } }>();

  constructor(canvas: HTMLCanvasElement, options: Options) {
    this.#canvas = canvas;
    this.#options = options;
    this.#context = canvas.getContext('2d', { alpha: false })!;
    this.recolour();
    this.#resized = new ResizeObserver(() => this.#resize());
    this.#resized.observe(canvas);
    this.#resize();
    this.#listen();
  }

  stop(): void {
    this.#stop.abort();
    this.#resized.disconnect();
  }

  /** The bytes may be others now. Nothing is drawn when it would look the same. */
  changed(): void {
    if (this.#image.update(this.#options.bytes, this.#colours) || this.#scale >= ROOM.name) this.#draw();
  }

  mark(ranges: readonly (Interval & { name: string })[]): void {
    this.#ranges = ranges;
    this.#draw();
  }

  /** Takes its colours from the style sheet, which knows light and dark. */
  recolour(): void {
    this.#colours = palette();
    const style = getComputedStyle(this.#canvas);
    this.#inks = Object.fromEntries(inks.map((ink) => [ink, style.getPropertyValue(`--${ink}`).trim()])) as Inks;
    this.#image.update(this.#options.bytes, this.#colours);
    this.#draw();
  }

  /** Puts the cursor on a port, and brings it into view. */
  show(port: number): void {
    this.#cursor = port;
    this.#shown = true;
    // Near enough to read who has it.
    if (this.#scale < ROOM.lines) this.#zoomTo(ROOM.name / this.#unit);
    this.#reveal();
    this.#options.moved(port);
    this.#draw();
  }

  /** To the next port of a state after the cursor. */
  step(state: PortState, by: 1 | -1 = 1): void {
    const { bytes } = this.#options;
    for (let i = 1; i <= HIGHEST_PORT; i++) {
      const port =
        ((((this.#cursor - LOWEST_PORT + by * i) % HIGHEST_PORT) + HIGHEST_PORT) % HIGHEST_PORT) + LOWEST_PORT;
      if (stateOf(bytes[port]!) !== state) continue;
      this.show(port);
      return;
    }
  }

  zoom(by: number): void {
    this.#zoomTo(this.#zoom * by);
    this.#draw();
  }

  fit(): void {
    this.#zoom = 1;
    this.#left = this.#top = 0;
    this.#draw();
  }

  /** Pixels a port has now. */
  get #scale(): number {
    return this.#unit * this.#zoom;
  }

  #listen(): void {
    const canvas = this.#canvas;
    const { signal } = this.#stop;
    const on = <K extends keyof HTMLElementEventMap>(
      type: K,
      act: (event: HTMLElementEventMap[K]) => void,
      passive = true,
    ) => canvas.addEventListener(type, act as EventListener, { signal, passive });
    on('keydown', (event) => this.#key(event), false);
    on('focus', () => {
      this.#shown = true;
      this.#draw();
    });
    on('wheel', (event) => this.#wheel(event), false);
    on('pointerdown', (event) => {
      canvas.setPointerCapture(event.pointerId);
      const at = this.#at(event);
      this.#pointers.set(event.pointerId, { ...at, from: at });
    });
    on('pointermove', (event) => this.#move(event));
    on('pointerup', (event) => this.#release(event));
    on('pointercancel', (event) => void this.#pointers.delete(event.pointerId));
  }

  #key(event: KeyboardEvent): void {
    const far = event.shiftKey ? 16 : 1;
    const steps: Record<string, number> = {
      ArrowLeft: -far,
      ArrowRight: far,
      ArrowUp: -SIDE * far,
      ArrowDown: SIDE * far,
    };
    const step = steps[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (step !== undefined) this.#moveCursor(this.#cursor + step);
    else if (event.key === 'Home') this.#moveCursor(LOWEST_PORT);
    else if (event.key === 'End') this.#moveCursor(HIGHEST_PORT);
    else if (event.key === '+' || event.key === '=') this.zoom(2);
    else if (event.key === '-') this.zoom(0.5);
    else if (event.key === '0') this.fit();
    else if (event.key === 'n' || event.key === 'N') this.step('wrong');
    else if (event.key === 'p' || event.key === 'P') this.step('wrong', -1);
    else if (event.key === 'Enter' || event.key === ' ') this.#options.opened(this.#cursor);
    else return;
    event.preventDefault();
  }

  #moveCursor(port: number): void {
    if (port < LOWEST_PORT || port > HIGHEST_PORT) return;
    this.#cursor = port;
    this.#shown = true;
    this.#reveal();
    this.#options.moved(port);
    this.#draw();
  }

  #wheel(event: WheelEvent): void {
    event.preventDefault();
    const before = this.#zoom;
    const at = this.#at(event);
    this.#zoomTo(before * Math.exp(-event.deltaY / 300), at);
    this.#draw();
  }

  #move(event: PointerEvent): void {
    const at = this.#at(event);
    const pressed = this.#pointers.get(event.pointerId);
    if (!pressed) {
      this.#hover(at);
      return;
    }
    const others = [...this.#pointers].filter(([id]) => id !== event.pointerId).map(([, other]) => other);
    if (others[0]) {
      const apart = (a: { x: number; y: number }) => Math.hypot(a.x - others[0]!.x, a.y - others[0]!.y);
      const middle = { x: (at.x + others[0].x) / 2, y: (at.y + others[0].y) / 2 };
      this.#zoomTo((this.#zoom * apart(at)) / Math.max(1, apart(pressed)), middle);
    }
    const share = others[0] ? 2 : 1;
    this.#left -= (at.x - pressed.x) / this.#scale / share;
    this.#top -= (at.y - pressed.y) / this.#scale / share;
    this.#pointers.set(event.pointerId, { ...at, from: pressed.from });
    this.#draw();
  }

  #release(event: PointerEvent): void {
    const pressed = this.#pointers.get(event.pointerId);
    this.#pointers.delete(event.pointerId);
    const at = this.#at(event);
    if (!pressed || Math.hypot(at.x - pressed.from.x, at.y - pressed.from.y) > CLICK) return;
    const port = this.#portAt(at);
    if (port === undefined) return;
    // A finger covers many squares from afar: it looks first, and opens what is the cursor already.
    if (event.pointerType === 'touch' && port !== this.#cursor) this.#hover(at);
    else this.#options.opened(port);
  }

  #hover(at: { x: number; y: number }): void {
    const port = this.#portAt(at);
    if (port === undefined || port === this.#cursor) return;
    this.#cursor = port;
    this.#shown = true;
    this.#options.moved(port);
    this.#draw();
  }

  #at({ offsetX, offsetY }: MouseEvent): { x: number; y: number } {
    return { x: offsetX, y: offsetY };
  }

  #portAt({ x, y }: { x: number; y: number }): number | undefined {
    const column = Math.floor(this.#left + x / this.#scale);
    const row = Math.floor(this.#top + y / this.#scale);
    if (column < 0 || column >= SIDE || row < 0 || row >= SIDE) return undefined;
    return Math.max(LOWEST_PORT, row * SIDE + column);
  }

  #zoomTo(zoom: number, around = { x: this.#canvas.clientWidth / 2, y: this.#canvas.clientHeight / 2 }): void {
    const fixed = { x: this.#left + around.x / this.#scale, y: this.#top + around.y / this.#scale };
    this.#zoom = Math.min(ZOOM_MAX, Math.max(1, zoom));
    this.#left = fixed.x - around.x / this.#scale;
    this.#top = fixed.y - around.y / this.#scale;
  }

  #reveal(): void {
    const { clientWidth, clientHeight } = this.#canvas;
    const [column, row] = [this.#cursor % SIDE, Math.floor(this.#cursor / SIDE)];
    const [wide, high] = [clientWidth / this.#scale, clientHeight / this.#scale];
    if (column < this.#left + 1 || column > this.#left + wide - 2) this.#left = column + 0.5 - wide / 2;
    if (row < this.#top + 1 || row > this.#top + high - 2) this.#top = row + 0.5 - high / 2;
  }

  #resize(): void {
    const { clientWidth, clientHeight } = this.#canvas;
    this.#canvas.width = Math.round(clientWidth * devicePixelRatio);
    this.#canvas.height = Math.round(clientHeight * devicePixelRatio);
    this.#unit = Math.min(clientWidth, clientHeight) / SIDE;
    this.#draw();
  }

  #draw(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    requestAnimationFrame(() => {
      this.#scheduled = false;
      if (!this.#stop.signal.aborted) this.#paint();
    });
  }

  #paint(): void {
    const { clientWidth, clientHeight } = this.#canvas;
    const scale = this.#scale;
    this.#hold(clientWidth / scale, clientHeight / scale);
    const context = this.#context;
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    context.fillStyle = this.#inks.sheet;
    context.fillRect(0, 0, clientWidth, clientHeight);
    context.imageSmoothingEnabled = false;
    context.drawImage(this.#cells, -this.#left * scale, -this.#top * scale, SIDE * scale, SIDE * scale);
    if (scale >= ROOM.lines) this.#rule();
    this.#paintRanges();
    if (scale >= ROOM.number) this.#write();
    if (this.#shown) this.#paintCursor();
  }

  /** Keeps the map from being pushed out of its frame; what is smaller than it stands in the middle. */
  #hold(wide: number, high: number): void {
    const within = (at: number, room: number) =>
      room >= SIDE ? (SIDE - room) / 2 : Math.min(SIDE - room, Math.max(0, at));
    this.#left = within(this.#left, wide);
    this.#top = within(this.#top, high);
  }

  #rule(): void {
    const { clientWidth, clientHeight } = this.#canvas;
    const scale = this.#scale;
    const context = this.#context;
    context.strokeStyle = this.#inks['map-line'];
    context.lineWidth = 1;
    context.beginPath();
    for (let x = Math.max(0, Math.ceil(this.#left)); x <= Math.min(SIDE, this.#left + clientWidth / scale); x++) {
      const at = Math.round((x - this.#left) * scale) + 0.5;
      context.moveTo(at, 0);
      context.lineTo(at, clientHeight);
    }
    for (let y = Math.max(0, Math.ceil(this.#top)); y <= Math.min(SIDE, this.#top + clientHeight / scale); y++) {
      const at = Math.round((y - this.#top) * scale) + 0.5;
      context.moveTo(0, at);
      context.lineTo(clientWidth, at);
    }
    context.stroke();
  }

  #paintRanges(): void {
    const { sheet: halo, 'map-range': colour } = this.#inks;
    const scale = this.#scale;
    const context = this.#context;
    context.save();
    context.translate(-this.#left * scale, -this.#top * scale);
    for (const range of this.#ranges) {
      const [first, ...corners] = outline(range, SIDE);
      context.beginPath();
      context.moveTo(first![0] * scale, first![1] * scale);
      for (const [x, y] of corners) context.lineTo(x * scale, y * scale);
      context.closePath();
      context.strokeStyle = colour;
      context.lineWidth = 1.5;
      context.setLineDash([5, 3]);
      context.stroke();
    }
    context.setLineDash([]);
    context.font = 'italic 600 12px ui-serif, Georgia, serif';
    context.textBaseline = 'bottom';
    const taken: { left: number; right: number; y: number }[] = [];
    for (const { name, from, to } of this.#ranges.toSorted((a, b) => b.to - b.from - (a.to - a.from))) {
      const left = (from % SIDE) * scale + 4;
      const y = Math.floor(from / SIDE) * scale - 3;
      const right = left + context.measureText(name).width;
      const hidden = taken.some((other) => Math.abs(other.y - y) < 14 && left < other.right && other.left < right);
      if (hidden || (to - from + 1) * scale < ROOM.label) continue;
      taken.push({ left, right, y });
      context.lineWidth = 3;
      context.strokeStyle = halo;
      context.strokeText(name, left, y);
      context.fillStyle = colour;
      context.fillText(name, left, y);
    }
    context.restore();
  }

  /** Numbers, and names where there is room. */
  #write(): void {
    const { clientWidth, clientHeight } = this.#canvas;
    const { bytes, name } = this.#options;
    const { 'map-ink': dark, 'map-ink-over': light } = this.#inks;
    const scale = this.#scale;
    const context = this.#context;
    const size = Math.min(14, scale / 3.2);
    const names: { text: string; x: number; y: number; ink: string }[] = [];
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    // To set a font costs more than to write a number.
    context.font = `${size}px system-ui, sans-serif`;
    const [lastRow, lastColumn] = [this.#top + clientHeight / scale, this.#left + clientWidth / scale];
    for (let row = Math.max(0, Math.floor(this.#top)); row <= Math.min(SIDE - 1, lastRow); row++) {
      for (let column = Math.max(0, Math.floor(this.#left)); column <= Math.min(SIDE - 1, lastColumn); column++) {
        const port = row * SIDE + column;
        if (port < LOWEST_PORT) continue;
        const x = (column + 0.5 - this.#left) * scale;
        const y = (row + 0.5 - this.#top) * scale;
        const ink = bytes[port]! & (cell.assigned | cell.observed | cell.wrong) ? light : dark;
        const owner = scale >= ROOM.name ? name(port) : undefined;
        context.fillStyle = ink;
        context.fillText(String(port), x, owner ? y - size * 0.7 : y);
        if (owner)
          names.push({ text: owner.length > 14 ? `${owner.slice(0, 13)}…` : owner, x, y: y + size * 0.6, ink });
      }
    }
    context.font = `${size * 0.8}px system-ui, sans-serif`;
    for (const { text, x, y, ink } of names) {
      context.fillStyle = ink;
      context.fillText(text, x, y, scale - 6);
    }
    context.textAlign = 'start';
  }

  #paintCursor(): void {
    const { sheet: halo, 'map-cursor': colour } = this.#inks;
    const scale = this.#scale;
    const context = this.#context;
    const side = Math.max(scale, 7);
    const x = ((this.#cursor % SIDE) + 0.5 - this.#left) * scale - side / 2;
    const y = (Math.floor(this.#cursor / SIDE) + 0.5 - this.#top) * scale - side / 2;
    context.strokeStyle = halo;
    context.lineWidth = 5;
    context.strokeRect(x, y, side, side);
    context.strokeStyle = colour;
    context.lineWidth = 2.5;
    context.strokeRect(x, y, side, side);
  }
}

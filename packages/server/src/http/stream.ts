import { upgradeWebSocket } from '@hono/node-server';
import { boundJson, ClientFrame, closeCodes, PortolanError } from '@portolan/model';
import { Hono } from 'hono';
import type { WSContext } from 'hono/ws';
import type { WebSocket } from 'ws';
import { networkOf } from '../access/address.ts';
import { accountOf, type Principal } from '../access/principal.ts';
import { Rate } from '../access/rate.ts';
import type { Sink } from '../stream/subscriber.ts';
import { addressOf, type Context } from './context.ts';

/** How long a client has to say who it is, ms. */
const AUTH_WITHIN = 5_000;
/** How often a silent line is tried, ms; one that does not answer until the next time is cut. */
const PING_EVERY = 15_000;
/** Frames of one connection, a second in the long run and at once. Each subscription costs a snapshot. */
const FRAMES = { perSecond: 5, burst: 50 };
/** Members and elements of one frame. */
const FRAME_VALUES_MAX = 100;
/** How long one that is cut off has to hear why, ms. */
const LAST_WORD = 1_000;

const closing = { slow: closeCodes.slow, 'going-away': closeCodes.goingAway, unauthorized: closeCodes.unauthorized };

/**
 * The live stream. A client that cannot set headers (a browser) says its token in the first frame. A further
 * `subscribe` takes the place of the last.
 */
export function streamRoute({ gate, hub, logger, newcomers, rates, serving, sessions }: Context) {
  const app = new Hono();
  app.get(
    '/stream',
    upgradeWebSocket((c) => {
      const authorization = c.req.header('authorization');
      const readiness = c.req.query('readiness') === 'true';
      const frames = new Rate(FRAMES.perSecond, FRAMES.burst);
      const place = networkOf(addressOf(c));
      let principal: Principal | undefined;
      let leave: (() => void) | undefined;
      let known = () => {};
      let unsubscribe = () => {};
      let timer: NodeJS.Timeout;

      const refuse = (ws: WSContext, code: number, problem: PortolanError) => {
        unsubscribe();
        ws.close(code, reasonOf(problem));
      };

      const enter = (ws: WSContext, look: () => Principal) => {
        try {
          principal = look();
          known();
          leave?.();
          leave = sessions.open(principal, () => {
            unsubscribe();
            ws.close(closeCodes.unauthorized, 'the token is no longer accepted');
          });
        } catch (error) {
          if (!(error instanceof PortolanError)) throw error;
          refuse(ws, error.code === 'too-many' ? closeCodes.tooMany : closeCodes.unauthorized, error);
        }
      };
      /** A subscription costs what a list does, so it counts as a request of its token, too. */
      const isSpent = (): boolean => {
        if (!principal || principal.role === 'admin') return false;
        return rates.requests.take(accountOf(principal), performance.now()) > 0;
      };
      /** What it still sends is not even read, and it need not have heard why: its connection goes in any case. */
      const cutOff = (ws: WSContext, code: number, problem: PortolanError) => {
        refuse(ws, code, problem);
        const socket = ws.raw as WebSocket;
        socket.pause();
        setTimeout(() => socket.terminate(), LAST_WORD);
      };
      const tooFast = (ws: WSContext): boolean => {
        if (frames.take('', performance.now()) === 0) return false;
        cutOff(ws, closeCodes.tooMany, new PortolanError('too-many', 'there are too many frames'));
        return true;
      };

      return {
        onOpen(_event, ws) {
          const socket = ws.raw as WebSocket;
          if (!serving()) return ws.close(closeCodes.goingAway, 'this coordinator is stopping');
          if (authorization !== undefined) enter(ws, () => gate.check(authorization));
          else known = newcomers.enter(place, () => cutOff(ws, closeCodes.tooMany, crowded()));
          timer = setTimeout(() => {
            if (!leave)
              cutOff(
                ws,
                closeCodes.unauthorized,
                new PortolanError('unauthorized', 'no token came in time: send {"type":"auth","token":…} first'),
              );
          }, AUTH_WITHIN);
          keepAlive(socket);
          socket.on('ping', () => tooFast(ws));
        },
        onMessage(event, ws) {
          if (ws.readyState !== 1 || tooFast(ws)) return;
          const message = read(event.data);
          if (message instanceof PortolanError) return refuse(ws, closeCodes.badFrame, message);
          if (message.type === 'auth') return enter(ws, () => gate.admit(message.token));
          if (!leave)
            return refuse(
              ws,
              closeCodes.unauthorized,
              new PortolanError('unauthorized', 'say who you are first: {"type":"auth","token":…}'),
            );
          if (isSpent()) return refuse(ws, closeCodes.tooMany, new PortolanError('too-many', 'too many requests'));
          unsubscribe();
          unsubscribe = hub.subscribe({ ...message, readiness }, sinkOf(ws.raw as WebSocket));
        },
        onClose() {
          clearTimeout(timer);
          known();
          unsubscribe();
          leave?.();
        },
        onError(event) {
          logger.debug({ event: String(event) }, 'a stream broke');
        },
      };
    }),
  );
  return app;
}

function crowded(): PortolanError {
  return new PortolanError('too-many', 'too many connections from this address have not said who they are');
}

function read(data: unknown): ClientFrame | PortolanError {
  if (typeof data !== 'string') return new PortolanError('invalid-request', 'frames are JSON texts');
  let json: unknown;
  try {
    boundJson(data, { values: FRAME_VALUES_MAX });
    json = JSON.parse(data);
  } catch (error) {
    if (error instanceof PortolanError) return error;
    return new PortolanError('invalid-request', 'the frame is not valid JSON');
  }
  const parsed = ClientFrame.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  return new PortolanError('invalid-request', `${issue?.path.join('.') || 'frame'}: ${issue?.message}`);
}

/** The message, in as many bytes as a closing frame may have. */
function reasonOf({ message }: PortolanError): string {
  return new TextDecoder().decode(new TextEncoder().encode(message).subarray(0, 120));
}

function sinkOf(socket: WebSocket): Sink {
  return {
    send: ({ text }) => socket.send(text),
    backlog: () => socket.bufferedAmount,
    close: (reason) => socket.close(closing[reason], reason),
  };
}

/** A line whose other end vanished gives no error; without this it would stay for ever. */
function keepAlive(socket: WebSocket): void {
  let answered = true;
  socket.on('pong', () => {
    answered = true;
  });
  const timer = setInterval(() => {
    if (!answered) return socket.terminate();
    answered = false;
    socket.ping();
  }, PING_EVERY);
  timer.unref();
  socket.on('close', () => clearInterval(timer));
}

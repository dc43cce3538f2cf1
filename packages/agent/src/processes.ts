// What tells processes that `portolan run` started, for the command itself: without the rest of an agent, so that it starts at once.
export { nameAsHolder } from './holder.ts';
export { startedWith, type Variable, wasStartedWith } from './started-with.ts';

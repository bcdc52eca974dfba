export * from './forward.ts'
export * from './poller.ts'
export { type ListenerFigures, Terminals } from './terminals.ts'
export * from './types.ts'

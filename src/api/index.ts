export * from './deps.ts'
export { type ReadingJson, type ReadingView, readingJson } from './reading-json.ts'
export { buildApi, listenApi } from './server.ts'
export * from './tokens.ts'

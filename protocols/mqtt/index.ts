/** The way in to messages and mappings for everybody outside this folder. */

export { isName } from './beside.ts'
export { type CompiledMapping, compileMapping, type MappingProblem, type MappingUse } from './compile.ts'
export type { Mapping, Rule, SparkplugRule } from './compiled.ts'
export { decodeMessage, type Taker } from './decode.ts'
export { type Json, JsonNumber, JsonObject, parseJson } from './json.ts'
export { decimalOf } from './number.ts'
export { follow, parsePath, textOf } from './path.ts'
export type { PushEnvironment } from './run.ts'
export { type ExampleFile, type MappingFile, MappingSchema } from './schema.ts'
export type { Inflate } from './sparkplug/compressed.ts'
export { SparkplugHost } from './sparkplug/session.ts'
export type { LocalInstants } from './time.ts'

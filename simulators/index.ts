/** Simulated meters on real sockets and serial devices. */
export { type Field, plainField } from './answering.ts'
export { type ServedBroker, type StartedBroker, serveBroker, startBroker } from './broker.ts'
export type { Brain, EventOrder, Told } from './concentrator/brain.ts'
export {
  type Concentrator,
  type ConcentratorSpec,
  type Concentrators,
  type ConcentratorsOptions,
  type RuledConcentrator,
  ruledAddress,
  ruledConcentrators,
  startConcentrators,
  type TerminalProtocol,
} from './concentrator/fleet.ts'
export { type FleetFigures, percentile } from './concentrator/fleet-figures.ts'
export { HABITS, type Habits, type WiredMeter } from './concentrator/habits.ts'
export type { Wiring } from './concentrator/wired.ts'
export { FAULTS, type Fault, FaultDesk, type FaultKind, parseFault } from './faults.ts'
export { Instrument } from './instrument.ts'
export * from './meters.ts'
export { FAMILIES, FAMILY_IDS, familyOf, pushAddressOf, pushTopicOf } from './mqtt/families.ts'
export { type Device, type Draft, type Family, type FamilyId, KEYS, type Report, type Talk } from './mqtt/family.ts'
export { type Fleet, type FleetOptions, type Member, startFleet } from './mqtt/fleet.ts'
export { type Publisher, type PublisherOptions, startPublisher } from './mqtt/publisher.ts'
export { openPtyPair, type PtyPair } from './pty.ts'
export * from './run.ts'
export { type SimulateConcentratorsOptions, simulateConcentrators } from './run-concentrators.ts'
export { noTruth, openTruth, type Truth, type TruthValue } from './truth.ts'
export {
  type LineMix,
  PUSH_MIX,
  type VillageArea,
  type VillageLine,
  type VillageMeter,
  type VillagePlan,
  villageOf,
} from './village/describe.ts'
export { type VillageFileOptions, writeVillageFiles } from './village/files.ts'
export { historyOf } from './village/history.ts'
export { type Scene, type Scenes, scenesOf } from './village/scenes.ts'
export { type Face, instrumentsOf, type OpenLine, ratioOf, startVillage, type Village, type VillageOptions } from './village/start.ts'
export { characterBits, type Pace } from './wire.ts'

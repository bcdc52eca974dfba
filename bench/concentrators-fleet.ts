/** Concentrators in a process of their own, for `concentrators.ts`: port, count and meters are its arguments. */
import { startConcentrators } from '../simulators/index.ts'

const [port = 0, count = 0, meters = 0] = process.argv.slice(2).map(Number)
const fleet = startConcentrators({ port, count, meters, protocol: 'gw3761', seed: 1, habits: { heartbeatMs: 600_000 } })
process.on('disconnect', () => process.exit(0))
await fleet.whenOnline()
process.send?.('online')

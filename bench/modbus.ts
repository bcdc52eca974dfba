import { type Anchor, interleaved, median } from './anchor.ts'
import { jsonFromOwn, numberFromOwn, referenceLoop, startModbusServer } from './reference/programs.ts'

const DEVICES = 500

/** What `modbus-own.js gateway` prints. */
interface GatewayFigures {
  readonly pollsPerSecond: number
  readonly cpuMicrosPerPoll: number
  readonly rssMb: number
  readonly bytesPerRow: number
}

/** A1: the whole way of a reading but for the database, in one process, on two cores with the meters. */
export const endToEnd: Anchor = {
  id: 'A1',
  title: `end to end: ${DEVICES} Modbus TCP devices × 60 registers -> decode -> outbox, synced -> rows -> null sink`,
  better: 'higher',
  must: 0.8,
  goal: 1.1,
  async run(context) {
    const server = await startModbusServer(context, DEVICES)
    const reference = referenceLoop(context)
    const figures: GatewayFigures[] = []
    const ours = async (): Promise<number> => {
      figures.push(await jsonFromOwn<GatewayFigures>('bench/modbus-own', ['gateway', String(context.seconds), ...server.ports.map(String)]))
      return figures.at(-1)!.pollsPerSecond
    }
    const { rounds, ...outcome } = await interleaved(context, ours, () => reference.run(server.ports[0]!, context.seconds, null))
    return {
      ...outcome,
      unit: 'polls/s',
      detail: {
        reference: reference.name,
        server: server.kind,
        rounds: rounds.length,
        'registers/s': outcome.ours * 60,
        'CPU µs a poll': median(figures.map(({ cpuMicrosPerPoll }) => cpuMicrosPerPoll)),
        'memory MB': median(figures.map(({ rssMb }) => rssMb)),
        'bytes of line protocol a row': median(figures.map(({ bytesPerRow }) => bytesPerRow)),
      },
      ...(reference.standIn ? { standIn: reference.name } : {}),
    }
  },
}

/** A2: the Modbus client alone. Client and server share one core on both sides, so that no wake-up of another core is measured. */
export const modbusClient: Anchor = {
  id: 'A2',
  title: 'Modbus client alone: one connection, one core, 60 registers a request',
  better: 'higher',
  must: 0.6,
  goal: 0.75,
  async run(context) {
    const server = await startModbusServer(context, 1, 0)
    const reference = referenceLoop(context)
    const port = server.ports[0]!
    const { rounds, ...outcome } = await interleaved(
      context,
      () => numberFromOwn(0, 'bench/modbus-own', ['client', String(context.seconds), String(port)]),
      () => reference.run(port, context.seconds, 0),
    )
    return {
      ...outcome,
      unit: 'polls/s',
      detail: { reference: reference.name, server: server.kind, rounds: rounds.length },
      ...(reference.standIn ? { standIn: reference.name } : {}),
    }
  },
}

import type { Anchor } from './anchor.ts'
import { interleaved } from './anchor.ts'
import { numberFromOwn, referenceLoop, startModbusServer } from './reference/programs.ts'

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
      () => numberFromOwn(0, 'bench/modbus-own', ['client', String(port), String(context.seconds)]),
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

import type { Transport } from '../transport/index.ts'
import { HalfDuplexLine } from './half-duplex.ts'
import type { Line, LineOptions } from './line.ts'
import { PipelinedLine } from './pipelined.ts'

/** The kind of line its protocol allows: numbered requests (Modbus TCP) pipeline, everything else is a half-duplex bus. */
export const openLine = (transport: Transport, options: LineOptions, isNumbered: boolean): Line =>
  isNumbered ? new PipelinedLine(transport, options) : new HalfDuplexLine(transport, options)

import type { DeviceMemory, GatewayError } from '../../src/core/index.ts'
import type { CompiledBlock } from './compiled.ts'
import type { Avoided } from './planner.ts'

/** A plan as one device lets it be carried out. */
export interface Learnt {
  readonly version: number
  readonly blocks: readonly CompiledBlock[]
  /** Values it refuses, by position in the plan. */
  readonly refused: readonly (readonly [index: number, error: GatewayError])[]
}

/** After this many reads a device is asked again for what it refused: its firmware may have changed. */
const FORGET_AFTER = 1000

/** What was learnt about one device: spans it refuses, the place of its SunSpec model. */
export class ModbusMemory {
  #avoided: readonly Avoided[] = []
  #version = 0
  #reads = 0
  #plans = new WeakMap<object, Learnt>()
  /** Absolute address of each SunSpec model's first word, by profile. */
  readonly models = new Map<string, number>()

  get avoided(): readonly Avoided[] {
    return this.#avoided
  }

  /** Counts a read; forgets what was refused long ago. */
  begin(): void {
    if (this.#avoided.length > 0 && ++this.#reads >= FORGET_AFTER) {
      this.#avoided = []
      this.#version++
      this.#reads = 0
    }
  }

  avoid(spans: readonly Avoided[]): void {
    this.#avoided = [...this.#avoided, ...spans]
    this.#version++
    this.#reads = 0
  }

  /** The plan as learnt; worked out anew when something was learnt since. */
  learnt(plan: object, work: (avoided: readonly Avoided[]) => Omit<Learnt, 'version'>): Learnt {
    const known = this.#plans.get(plan)
    if (known?.version === this.#version) return known
    const learnt = { ...work(this.#avoided), version: this.#version }
    this.#plans.set(plan, learnt)
    return learnt
  }
}

const KEY = 'modbus'

export const memoryOf = (memory: DeviceMemory): ModbusMemory => {
  const known = memory.get(KEY)
  if (known instanceof ModbusMemory) return known
  const made = new ModbusMemory()
  memory.set(KEY, made)
  return made
}

import type {
  Conversation,
  DeviceMemory,
  GatewayError,
  PlannedValue,
  Raw,
  ReadPlan,
  Request,
  Result,
  Sample,
} from '../../src/core/index.ts'
import { err, ok } from '../../src/core/index.ts'
import { type CompiledBlock, compileBlock, decodeBlock } from './compiled.ts'
import { errorOf, exceptionError } from './errors.ts'
import { prepare } from './exchange.ts'
import type { Framing, ModbusFrame } from './frame.ts'
import { type ModbusMemory, memoryOf } from './memory.ts'
import { type Avoided, type PlanLimits, planBlocks, seamOf, splitBlock } from './planner.ts'
import type { ModbusProfile } from './profile.ts'
import { plannedValue, type ValueItem } from './select.ts'
import { findModel } from './sunspec.ts'

/** How often a busy device is asked again before the line turns to others. */
const BUSY_TRIES = 2
/** A device that has refused so much and given nothing is the wrong model: halving on would only cost time. */
const MOST_REFUSALS = 24

/** One run of a plan: what came so far. */
interface Run {
  readonly unit: number
  /** Added to every address: where a SunSpec model begins. */
  readonly base: number
  readonly raws: (Raw | null)[]
  readonly scalers: number[] | null
  absent: Map<number, GatewayError> | null
  /** Requests answered with values. */
  answered: number
  refusals: number
  silent: number
  firstError: GatewayError | null
  /** Set when asking on is pointless. */
  dead: GatewayError | null
  readonly learnt: Avoided[]
}

type Talk<T> = Generator<Request<ModbusFrame>, T, Result<ModbusFrame>>

/** A read of a Modbus meter, worked out once: requests merged, decoding compiled, request bytes kept for each unit. */
export class ModbusPlan implements ReadPlan<ModbusFrame> {
  readonly source = 'live'
  readonly values: readonly PlannedValue[]
  readonly blocks: readonly CompiledBlock[]
  readonly #framing: Framing
  readonly #profile: ModbusProfile
  readonly #items: readonly ValueItem[]
  readonly #limits: PlanLimits
  readonly #floats: boolean
  readonly #prepared = new WeakMap<CompiledBlock, Map<number, Request<ModbusFrame>>>()

  constructor(framing: Framing, profile: ModbusProfile, items: readonly ValueItem[]) {
    this.#framing = framing
    this.#profile = profile
    this.#items = items
    this.#limits = { maxRegisters: profile.maxRegistersPerRequest, mergeGap: profile.mergeGap }
    this.#floats = items.some(({ scaler }) => scaler === null)
    this.values = items.map(plannedValue)
    this.blocks = planBlocks(items, this.#limits).blocks.map(compileBlock)
  }

  *talk(address: string, memory: DeviceMemory): Conversation<readonly Sample[], ModbusFrame> {
    const unit = Number(address)
    const known = memoryOf(memory)
    known.begin()
    let base = 0
    if (this.#profile.modelId !== undefined) {
      const found = yield* this.#base(unit, known)
      if (!found.ok) return found
      base = found.value
    }
    // Nothing is made before the answer is there: five hundred half-made readings would wait in the cache for nothing.
    const only = this.blocks.length === 1 && known.avoided.length === 0 ? this.blocks[0] : undefined
    const early = only && (yield this.#prepare(only, unit, base))
    const count = this.#items.length
    const run: Run = {
      unit,
      base,
      raws: new Array<Raw | null>(count).fill(null),
      scalers: this.#floats ? new Array<number>(count).fill(0) : null,
      absent: null,
      answered: 0,
      refusals: 0,
      silent: 0,
      firstError: null,
      dead: null,
      learnt: [],
    }
    let blocks = this.blocks
    if (known.avoided.length > 0) {
      const learnt = known.learnt(this, (avoided) => this.#around(avoided))
      blocks = learnt.blocks
      for (const [index, error] of learnt.refused) this.#miss(run, index, error)
    }
    for (const block of early ? [] : blocks) {
      if (run.dead) {
        this.#missAll(run, block, run.dead)
        continue
      }
      const answer = yield this.#prepare(block, unit, base)
      if (answer.ok && answer.value.function === block.function) this.#take(run, block, answer.value.pdu)
      else yield* this.#recover(run, block, answer)
    }
    if (only && early) {
      if (early.ok && early.value.function === only.function) this.#take(run, only, early.value.pdu)
      else yield* this.#recover(run, only, early)
    }
    if (run.answered === 0) {
      // A SunSpec device that was rebooted into another order of models is looked for again.
      known.models.delete(this.#profile.id)
      return err(run.firstError ?? errorOf('MODBUS_REFUSED', 'the device has refused every register of this plan', { unit }))
    }
    if (run.learnt.length > 0) known.avoid(run.learnt)
    return ok([{ at: null, raws: run.raws, scalers: run.scalers, absent: run.absent }])
  }

  *#base(unit: number, known: ModbusMemory): Talk<Result<number>> {
    const base = known.models.get(this.#profile.id)
    if (base !== undefined) return ok(base)
    const found = yield* findModel(this.#framing, unit, this.#profile)
    if (found.ok) known.models.set(this.#profile.id, found.value)
    return found
  }

  /** The plan around what a device refuses. */
  #around(avoided: readonly Avoided[]) {
    const { blocks, refused } = planBlocks(this.#items, this.#limits, avoided)
    return {
      blocks: blocks.map(compileBlock),
      refused: refused.map(({ index, register, obis }) => {
        const { addressHex, description, address } = register
        const error = errorOf('MODBUS_REFUSED', `${addressHex} ${description}: refused before, not asked`, {
          obis,
          address,
          function: register.function,
        })
        return [index, error] as const
      }),
    }
  }

  #prepare(block: CompiledBlock, unit: number, base: number): Request<ModbusFrame> {
    let units = this.#prepared.get(block)
    if (units === undefined) {
      units = new Map()
      this.#prepared.set(block, units)
    }
    const key = base * 256 + unit
    let prepared = units.get(key)
    if (prepared === undefined) {
      const code = block.function === 4 ? 4 : 3
      prepared = prepare(this.#framing, unit, { function: code, address: base + block.start, quantity: block.quantity })
      units.set(key, prepared)
    }
    return prepared
  }

  #take(run: Run, block: CompiledBlock, pdu: Uint8Array): void {
    run.answered++
    run.silent = 0
    const absent = decodeBlock(block, pdu, run.raws, run.scalers)
    if (absent === null) return
    if (run.absent === null) run.absent = absent
    else for (const [index, error] of absent) run.absent.set(index, error)
  }

  /** After anything but a plain answer. Returns whether the block was answered in one piece after all. */
  *#recover(run: Run, block: CompiledBlock, first: Result<ModbusFrame>): Talk<boolean> {
    let answer = first
    for (let busy = 0; ; busy++) {
      if (!answer.ok) return this.#failed(run, block, answer.error)
      const { function: code, pdu } = answer.value
      if (code === block.function) {
        this.#take(run, block, pdu)
        return true
      }
      const { unit, base } = run
      const asked = { unit, function: block.function, address: base + block.start, quantity: block.quantity }
      const error = exceptionError(pdu[1]!, asked)
      if (error.recovery === 'split') return yield* this.#split(run, block, error)
      if (error.code !== 'MODBUS_BUSY') return this.#failed(run, block, error)
      if (busy === BUSY_TRIES) return this.#failed(run, block, error)
      answer = yield this.#prepare(block, run.unit, run.base)
    }
  }

  *#ask(run: Run, block: CompiledBlock): Talk<boolean> {
    if (run.dead) {
      this.#missAll(run, block, run.dead)
      return false
    }
    return yield* this.#recover(run, block, yield this.#prepare(block, run.unit, run.base))
  }

  /** Illegal address or value: halves the block until the culprit stands alone, and remembers what to avoid. */
  *#split(run: Run, block: CompiledBlock, error: GatewayError): Talk<boolean> {
    run.refusals++
    run.silent = 0
    run.firstError ??= error
    const halves = splitBlock(block)
    if (halves === null) {
      this.#missAll(run, block, error)
      run.learnt.push({ function: block.function, start: block.start, end: block.end })
      return false
    }
    if (run.answered === 0 && run.refusals > MOST_REFUSALS) {
      run.dead = error
      this.#missAll(run, block, error)
      return false
    }
    const left = yield* this.#ask(run, compileBlock(halves[0]))
    const right = yield* this.#ask(run, compileBlock(halves[1]))
    if (left && right) run.learnt.push(seamOf(halves[0], halves[1]))
    return false
  }

  /** No values for this block. Whether it makes sense to ask for the next one depends on why. */
  #failed(run: Run, block: CompiledBlock, error: GatewayError): false {
    this.#missAll(run, block, error)
    run.firstError ??= error
    const lives = LIVES.has(error.code)
    // Nothing read and no word from the device: it is dead. Read before: one silent block may be that block's fault, two are not.
    if (!lives && (error.recovery !== 'retry' || run.answered === 0 || ++run.silent >= 2)) run.dead = error
    return false
  }

  #missAll(run: Run, block: CompiledBlock, error: GatewayError): void {
    for (const { index } of block.items) this.#miss(run, index, error)
  }

  #miss(run: Run, index: number, error: GatewayError): void {
    run.absent ??= new Map()
    run.absent.set(index, error)
  }
}

/** Exceptions that concern the registers asked for, not the device's being there. */
const LIVES: ReadonlySet<string> = new Set([1, 4, 7, 8].map((code) => exceptionError(code, {}).code))

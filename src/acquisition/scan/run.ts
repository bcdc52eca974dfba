import { dlt645Scan, modbusScan } from '../../../protocols/index.ts'
import {
  explain,
  type GatewayError,
  many,
  ok,
  type Profile,
  type Result,
  type ScanProof,
  type ScanQuestion,
  type ScanStrategy,
} from '../../core/index.ts'
import { type Answering, meterOf, type ScanContext, type Tried } from './context.ts'
import { judgeDlt645 } from './dlt645.ts'
import { type Driver, driverOf, type Tally } from './driver.ts'
import { withGrowth } from './growth.ts'
import { type Framing, judgeModbus } from './modbus.ts'
import { settingText, TIMES } from './settings.ts'
import type { FoundMeter, ScanEvent, ScanMode, ScanProtocol, ScanResult, ScanSetting } from './types.ts'
import type { ScanWire } from './wire.ts'

export interface ScanOptions {
  /** For the result and messages. */
  readonly line: string
  readonly mode: ScanMode
  /** Speeds and formats to try, in order; over TCP one, empty. */
  readonly settings: readonly ScanSetting[]
  /** Protocols to try; over TCP the ways of framing are told apart too. */
  readonly protocols: readonly ScanProtocol[]
  readonly units: readonly number[]
  readonly profiles: readonly Profile[]
  /** How far apart the two looks at energy are, milliseconds; 0: only one look. */
  readonly growthMs: number
  readonly open: (setting: ScanSetting, protocol: ScanProtocol) => Promise<Result<ScanWire>>
  /** Longest time until an answer begins, milliseconds; absent: what the mode says. */
  readonly reactionMs?: number
  /** Ledger id of an address on this line; such a meter is listed and not asked. */
  readonly known: (protocol: ScanProtocol, address: string) => string | null
  readonly signal: AbortSignal
  readonly onEvent: (event: ScanEvent) => void
  /** Wall clock, milliseconds since 1970 UTC. */
  readonly now: () => number
}

/** Units that are asked at every setting before all of them are: factory settings, and what installers like. */
const LIKELY_UNITS = [1, 2, 3, 4, 5, 10, 11, 100, 126, 247]
/** Whatever serves Modbus TCP itself answers 255 when it does not look at units at all. */
const ANY_UNIT = 255
/** So many of the likely units, all of them answering, are one device that does not look at units. */
const ENOUGH_TO_DOUBT = 5
/** Settings swept for every unit when none of the likely ones answered anywhere. */
const SWEPT_IN_VAIN = 6
const FRAMING: Readonly<Partial<Record<ScanProtocol, Framing>>> = { 'modbus-tcp': 'tcp', 'modbus-rtu': 'rtu', 'modbus-ascii': 'ascii' }

/**
 * Scans a line (搜表): how it is spoken to, who is there, which profile fits. Nothing is ever written; every step ends by itself; after
 * `signal` what was found so far comes back within a second.
 *
 * @errors  TRANSPORT_… when the line cannot be opened at all
 */
export const scanLine = async (options: ScanOptions): Promise<Result<ScanResult>> => {
  const scan = new Scan(options)
  return scan.run()
}

interface Judged {
  readonly tried: readonly Tried[]
  finish(tried: readonly Tried[]): FoundMeter
}

class Scan {
  readonly #options: ScanOptions
  readonly #context: ScanContext
  readonly #began = performance.now()
  readonly #startedAt: number
  readonly #meters: FoundMeter[] = []
  readonly #notes: string[] = []
  readonly #tally: Tally = { questions: 0, reopened: 0 }
  /** `modbus 17` or `dlt645 2026…` → setting it answered at. */
  readonly #met = new Map<string, ScanSetting>()
  #share = 0
  #span = 1
  #lastTold = 0
  /** A search that goes deeper than was thought does not go back. */
  #furthest = 0
  #refusal: GatewayError | null = null
  /** Why the line went away for good, when it did: what was not asked by then is missing. */
  #lost: string | null = null
  #opened = 0
  /** The same meter answered at two speeds: this port does not mind its speed. */
  #isIndifferent = false

  constructor(options: ScanOptions) {
    this.#options = options
    this.#startedAt = options.now()
    this.#context = {
      mode: options.mode,
      profiles: options.profiles,
      growthMs: options.growthMs,
      signal: options.signal,
      onEvent: options.onEvent,
      note: (text) => this.#note(text),
      known: options.known,
      chosen: new Set(),
    }
  }

  async run(): Promise<Result<ScanResult>> {
    const { settings, signal, line, mode } = this.#options
    const swept = new Set<ScanSetting>()
    const knockShare = settings.length > 1 ? 0.6 : 0.4
    for (const [at, setting] of settings.entries()) {
      if (signal.aborted || this.#isIndifferent) break
      this.#part((at / settings.length) * knockShare, ((at + 1) / settings.length) * knockShare)
      if (await this.#setting(setting, false)) swept.add(setting)
    }
    if (this.#opened === 0 && this.#refusal) return { ok: false, error: this.#refusal }
    // No unit answered among the likely ones: all of them, where that is most likely.
    const isMissing = ![...this.#met.keys()].some((key) => key.startsWith('modbus'))
    if (isMissing && mode !== 'quick' && !signal.aborted) {
      const rest = settings.filter((setting) => !swept.has(setting)).slice(0, mode === 'thorough' ? settings.length : SWEPT_IN_VAIN)
      for (const [at, setting] of rest.entries()) {
        if (signal.aborted || this.#isIndifferent) break
        this.#part(knockShare + (at / rest.length) * (1 - knockShare), knockShare + ((at + 1) / rest.length) * (1 - knockShare))
        const before = this.#met.size
        await this.#setting(setting, true)
        if (this.#met.size > before && mode !== 'thorough') break
      }
    }
    const isDone = !signal.aborted && this.#lost === null
    if (isDone) this.#tell('done', 1, true)
    return ok({
      line,
      mode,
      startedAt: this.#startedAt,
      tookMs: Math.round(performance.now() - this.#began),
      questions: this.#tally.questions,
      complete: isDone,
      stopped: isDone ? null : `${signal.aborted ? 'stopped' : `the line went away: ${this.#lost}`}; this is what was found so far`,
      meters: this.#meters,
      notes: this.#notes,
    })
  }

  /** Everything at one speed. @returns whether every unit was asked */
  async #setting(setting: ScanSetting, isSweep: boolean): Promise<boolean> {
    const { protocols, mode } = this.#options
    const wants = (protocol: ScanProtocol) => protocols.includes(protocol)
    const [from, span] = [this.#share, this.#span]
    const part = (begin: number, end: number) => this.#part(from + begin * span, from + end * span)
    const before = this.#met.size
    let isSwept = false
    const isTcp = setting.baud === null
    if (isTcp && wants('modbus-tcp') && !isSweep) {
      part(0, 0.3)
      if (await this.#modbus(setting, 'modbus-tcp', 'auto')) return true
    }
    if (!isSweep) {
      part(0.3, 0.5)
      if (wants('dlt645-2007')) await this.#dlt645(setting, '2007')
      if (wants('dlt645-1997')) await this.#dlt645(setting, '1997')
      if (this.#isIndifferent) return true
    }
    if (wants('modbus-rtu')) {
      part(isSweep ? 0 : 0.5, 0.9)
      // Behind a serial server there is one speed only: all units at once.
      const how = mode === 'thorough' || isSweep ? 'all' : 'auto'
      isSwept = (await this.#modbus(setting, 'modbus-rtu', how)) || how === 'all'
    }
    if (wants('modbus-ascii') && this.#met.size === before && (isTcp || mode === 'thorough') && (isSweep || !isTcp || !isSwept)) {
      part(0.9, 1)
      await this.#modbus(setting, 'modbus-ascii', 'auto')
    }
    return isSwept
  }

  #driver(setting: ScanSetting, protocol: ScanProtocol): Driver {
    const { open, signal, onEvent } = this.#options
    onEvent({ kind: 'setting', setting, protocol, share: this.#share })
    let isOpened = false
    return driverOf({
      signal,
      tally: this.#tally,
      open: async () => {
        const opened = await open(setting, protocol)
        if (opened.ok) this.#opened++
        else {
          this.#refusal ??= opened.error
          this.#note(explain(opened.error))
          // A speed the port does not have is no loss.
          if (isOpened || (this.#opened > 0 && this.#options.settings.length === 1)) this.#lost ??= explain(opened.error)
        }
        isOpened ||= opened.ok
        return opened.ok ? opened.value : null
      },
      onQuestion: ({ what, share }) => this.#tell(`${settingText(setting)}: ${what}`, this.#share + (share ?? 0) * this.#span, false),
    })
  }

  /** @returns whether somebody speaks this framing */
  async #modbus(setting: ScanSetting, protocol: 'modbus-tcp' | 'modbus-rtu' | 'modbus-ascii', how: 'auto' | 'all'): Promise<boolean> {
    const { units, mode } = this.#options
    const framing = FRAMING[protocol] ?? 'rtu'
    const times = TIMES[mode]
    const driver = this.#driver(setting, protocol)
    driver.patience(this.#options.reactionMs ?? (setting.baud === null ? times.tcp : times.modbus), times.leastModbus)
    const numbering: modbusScan.Numbering = { next: 0 }
    const answering: Answering[] = []
    const found = (unit: number, proofs: readonly ScanProof[]) => {
      const answered = this.#found({ protocol, setting, address: String(unit), proofs })
      if (answered) answering.push(answered)
    }
    const fresh = (list: readonly number[]) => list.filter((unit) => this.#known(protocol, setting, String(unit)))
    const sweep = (list: readonly number[], told: modbusScan.SweepOptions['found']) =>
      driver.run(modbusScan.sweepUnits(framing, numbering, { units: list, functions: mode === 'thorough' ? [3, 4] : [3], found: told }))
    try {
      const elsewhere = this.#metElsewhere(protocol, setting)
      if (elsewhere !== null) {
        const heard = await driver.run(modbusScan.readWords(framing, Number(elsewhere), 3, 0, 1, numbering))
        if (heard && modbusScan.isSomebody(heard.answered)) {
          this.#indifferent(protocol, setting)
          return false
        }
      }
      const likely = LIKELY_UNITS.filter((unit) => units.includes(unit))
      const asked = how === 'all' ? [] : fresh(framing === 'tcp' ? [...likely, ANY_UNIT] : likely)
      const heard: { readonly unit: number; readonly proofs: readonly ScanProof[] }[] = []
      // Whether the device looks at units at all is known when all of these were asked.
      const told = framing === 'tcp' ? (unit: number, proofs: readonly ScanProof[]) => void heard.push({ unit, proofs }) : found
      const first = how === 'all' ? null : await sweep(asked, told)
      const answersAll = heard.length >= ENOUGH_TO_DOUBT && heard.length === asked.length && asked.includes(ANY_UNIT)
      for (const { unit, proofs } of answersAll ? heard.slice(0, 1) : heard) found(unit, proofs)
      // Meters of the ledger are not asked, and are heard all the same.
      const isListed = this.#meters.some(({ known, protocol: spoken }) => known !== null && spoken === protocol)
      let isHere = isListed || answering.length > 0 || (first !== null && (first.refusedByGateway > 0 || first.damaged.length > 0))
      if (answersAll)
        this.#note(
          `${protocol}: every unit that was asked answers, so the device does not look at units; listed once, as unit ${heard[0]?.unit ?? ''}`,
        )
      else if (how === 'all' || isHere) {
        const all = await sweep(fresh(units.filter((unit) => how === 'all' || !likely.includes(unit))), found)
        isHere = isHere || (all !== null && all.units.length > 0)
        for (const unit of [...(first?.damaged ?? []), ...(all?.damaged ?? [])])
          this.#note(
            `${settingText(setting)}, unit ${unit}: answers are damaged; two units may share this address, or the speed is another`,
          )
      }
      await this.#judgeAll(
        driver,
        answering.filter(({ address }) => address !== String(ANY_UNIT) || answering.length === 1),
        (each) => judgeModbus(driver, this.#context, framing, numbering, each),
      )
      return isHere
    } finally {
      await driver.close()
    }
  }

  /** Address of a meter that answered at another speed: when it answers here too, the port does not mind its speed. */
  #metElsewhere(protocol: ScanProtocol, { baud }: ScanSetting): string | null {
    const family = keyOf(protocol, '')
    const [key] = [...this.#met].find(([name, at]) => name.startsWith(family) && baud !== null && at.baud !== baud) ?? []
    return key === undefined ? null : key.slice(family.length)
  }

  #indifferent(protocol: ScanProtocol, setting: ScanSetting): void {
    this.#isIndifferent = true
    this.#note(
      `${protocol} meters answer at ${settingText(setting)} as well: this port does not mind its speed, further ones are not tried`,
    )
  }

  async #dlt645(setting: ScanSetting, variant: '2007' | '1997'): Promise<void> {
    const { mode } = this.#options
    const protocol = `dlt645-${variant}` as const
    const driver = this.#driver(setting, protocol)
    driver.patience(this.#options.reactionMs ?? TIMES[mode].dlt645, TIMES[mode].leastDlt645)
    const answering: Answering[] = []
    try {
      const knock = await driver.run(dlt645Scan.knockDlt645(variant))
      const insist = mode === 'thorough' && setting.baud === null
      if (knock === null || (knock === 'silent' && !insist)) return
      // Several meters answer the wildcard at once, damaged, at any speed of a port that does not mind.
      const elsewhere = this.#metElsewhere(protocol, setting)
      if (elsewhere !== null) {
        const rx = await driver.run(oneQuestion(dlt645Scan.readItemQuestion(variant, elsewhere, variant === '2007' ? '00010000' : '9010')))
        if (rx && dlt645Scan.hear(rx).frames.some(({ address }) => address === elsewhere)) return this.#indifferent(protocol, setting)
      }
      const result = await driver.run(
        dlt645Scan.searchAddresses(variant, {
          checks: mode === 'quick' ? 1 : mode === 'normal' ? 2 : 4,
          below: mode === 'thorough',
          insist,
          found: (address, proofs) => {
            const answered = this.#found({ protocol, setting, address, proofs })
            if (answered) answering.push(answered)
          },
        }),
      )
      for (const address of result?.doubled ?? [])
        this.#note(`${settingText(setting)}, ${address}: answers stay damaged; two meters share this address, or the line is bad`)
      for (const pattern of result?.unresolved ?? [])
        if (setting.baud === null || result?.addresses.length)
          this.#note(
            `${settingText(setting)}: somebody answers ${pattern} with damaged bytes, and no shortened address reaches him; ask with fewer meters connected`,
          )
      if (result?.noisy)
        this.#note(`${settingText(setting)}: something babbles whatever is asked; the search for DL/T 645-${variant} was given up`)
      await this.#judgeAll(driver, answering, (each) => judgeDlt645(driver, this.#context, variant, each))
    } finally {
      await driver.close()
    }
  }

  /** Looks at every meter once before the second look at the first: the time between the two is not waited for each of them. */
  async #judgeAll(driver: Driver, answering: readonly Answering[], judge: (each: Answering) => Promise<Judged | null>): Promise<void> {
    const looked: { readonly each: Answering; readonly judged: Judged | null }[] = []
    for (const each of answering) {
      const judged = await judge(each)
      const profile = judged?.finish(judged.tried).profile ?? null
      if (profile !== null) this.#context.chosen.add(profile)
      looked.push({ each, judged })
    }
    for (const { each, judged } of looked) await this.#judged(driver, each, judged)
  }

  async #judged(driver: Driver, answering: Answering, judged: Judged | null): Promise<void> {
    const tried = judged ? await withGrowth(driver, this.#context, judged.tried) : []
    const meter = judged ? judged.finish(tried) : { ...meterOf(answering, [], {}), notes: ['not looked at: the scan was stopped'] }
    if (meter.profile !== null) this.#context.chosen.add(meter.profile)
    this.#meters.push(meter)
    this.#options.onEvent({ kind: 'judged', meter })
  }

  /** Whether an address still is to be asked; one of the ledger is listed, one met at another speed is not asked again. */
  #known(protocol: ScanProtocol, setting: ScanSetting, address: string): boolean {
    if (this.#met.has(keyOf(protocol, address))) return false
    const known = this.#options.known(protocol, address)
    if (known === null) return true
    this.#list({ protocol, setting, address, proofs: [] }, known)
    return false
  }

  #list(answering: Answering, known: string): void {
    this.#met.set(keyOf(answering.protocol, answering.address), answering.setting)
    this.#meters.push({ ...meterOf(answering, [], {}), known, notes: ['in the ledger already, not asked'] })
  }

  #found(answering: Answering): Answering | null {
    const { protocol, setting, address } = answering
    const key = keyOf(protocol, address)
    if (this.#met.has(key)) return null
    const known = this.#options.known(protocol, address)
    this.#options.onEvent({ kind: 'found', protocol, setting, address, known })
    if (known !== null) {
      this.#list(answering, known)
      return null
    }
    this.#met.set(key, setting)
    return answering
  }

  #part(from: number, to: number): void {
    this.#share = from
    this.#span = to - from
  }

  #note(text: string): void {
    if (this.#notes.includes(text)) return
    this.#notes.push(text)
    this.#options.onEvent({ kind: 'note', text })
  }

  #tell(what: string, share: number, always: boolean): void {
    const now = performance.now()
    if (!always && now - this.#lastTold < 100) return
    this.#lastTold = now
    this.#furthest = Math.max(this.#furthest, Math.min(1, share))
    const { questions } = this.#tally
    this.#options.onEvent({
      kind: 'progress',
      what,
      share: this.#furthest,
      questions,
      found: this.#met.size,
      elapsedMs: Math.round(now - this.#began),
    })
  }
}

function* oneQuestion(question: ScanQuestion): ScanStrategy<Uint8Array> {
  return yield question
}

const keyOf = (protocol: ScanProtocol, address: string): string => `${protocol.startsWith('modbus') ? 'modbus' : 'dlt645'} ${address}`

/** One line about a result: `4 meters (3 with a profile) in 12 s, 310 questions`. */
export const scanSummary = ({ meters, tookMs, questions, complete }: ScanResult): string =>
  `${many(meters.length, 'meter')} (${meters.filter(({ profile }) => profile !== null).length} with a profile) in ${Math.round(tookMs / 100) / 10} s, ${many(questions, 'question')}${complete ? '' : '; stopped before its end'}`

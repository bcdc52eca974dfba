import { countIn, DeviceSchema, deviceAfter, entriesOf, type Heard, nameOf, newDevice, onlyCounts, type PushDevice } from './device.ts'
import type { Say } from './errors.ts'
import { readList, writeList } from './snapshot.ts'

/** Runs something later, gives back how to call it off. */
export type After = (ms: number, run: () => void) => () => void

export interface DevicesOptions {
  /** JSON file of the snapshot. */
  readonly path: string
  /** Devices without a meter in the ledger that are remembered at most: their names come from strangers. */
  readonly maxUnregistered?: number
  readonly everyMs?: number
  readonly after: After
  readonly say: Say
}

export interface DeviceFilter {
  readonly isRegistered?: boolean
  readonly presence?: PushDevice['presence']
  /** No sign of life since then. */
  readonly silentSince?: number
  /** Part of the name, in capitals or not. */
  readonly text?: string
  /** Names behind it, in the order of their code points. */
  readonly after?: string
  readonly limit?: number
}

const MAX_UNREGISTERED = 5000
const EVERY_MS = 60_000
/** Entries of all lists of the unregistered devices together. */
const UNREGISTERED_ENTRIES = 50_000

/** Opens the devices of a push source as they were at the last snapshot. A damaged one is set aside. */
export const openDevices = async (options: DevicesOptions): Promise<Devices> =>
  new Devices(options, await readList(options.path, DeviceSchema, options.say))

/** Every device a push source has heard of; a snapshot goes to the disk every minute and at the end. */
export class Devices {
  readonly #options: DevicesOptions
  readonly #maxUnregistered: number
  readonly #devices = new Map<string, PushDevice>()
  /** All names in their order; null: to be put in order at the next list. */
  #names: readonly string[] | null = null
  #unregistered = 0
  #unregisteredEntries = 0
  #turnedAway = 0
  #hasChanged = false
  #isSilent = false
  #isClosed = false
  #cancel: () => void = () => {}
  #writing: Promise<void> = Promise.resolve()

  constructor(options: DevicesOptions, known: readonly PushDevice[]) {
    this.#options = options
    this.#maxUnregistered = options.maxUnregistered ?? MAX_UNREGISTERED
    for (const device of known) if (device.isRegistered || this.#unregistered < this.#maxUnregistered) this.#put(device)
    this.#arm()
  }

  /**
   * Makes the entry of an unknown device before anything is counted: what is under way for it has its place.
   *
   * @returns  false when it is unregistered and one too many
   */
  reserve(name: string, heard: Heard): boolean {
    const key = nameOf(name)
    if (this.#devices.has(key)) return true
    if (!this.#hasRoomFor(heard)) return false
    this.#put(newDevice(key, heard))
    this.#hasChanged = true
    return true
  }

  /**
   * Notes what a message told of a device.
   *
   * @returns  false when it is unregistered, new, and one too many: nothing of it is remembered
   */
  hear(name: string, heard: Heard): boolean {
    const key = nameOf(name)
    const known = this.#devices.get(key)
    if (known !== undefined && onlyCounts(known, heard)) {
      countIn(known, heard)
      this.#hasChanged = true
      return true
    }
    if (known === undefined && !this.#hasRoomFor(heard)) return false
    const room = heard.isRegistered ? Number.POSITIVE_INFINITY : UNREGISTERED_ENTRIES - this.#unregisteredEntries
    this.#put(deviceAfter(known ?? newDevice(key, heard), heard, room))
    this.#hasChanged = true
    return true
  }

  get(name: string): PushDevice | undefined {
    return this.#devices.get(nameOf(name))
  }

  list({ after, limit = Number.POSITIVE_INFINITY, ...filter }: DeviceFilter = {}): readonly PushDevice[] {
    this.#names ??= [...this.#devices.keys()].sort()
    const names = this.#names
    const fits = fitting(filter)
    const page: PushDevice[] = []
    for (let at = after === undefined ? 0 : firstBehind(names, after); at < names.length && page.length < limit; at++) {
      const device = this.#devices.get(names[at] ?? '')
      if (device && fits(device)) page.push(device)
    }
    return page
  }

  get size(): number {
    return this.#devices.size
  }

  unregisteredCount(): number {
    return this.#unregistered
  }

  /** Messages of devices that were one too many. */
  overLimit(): number {
    return this.#turnedAway
  }

  /** Drops unregistered devices without a sign of life since then. @returns how many */
  forget(before: number): number {
    const old = [...this.#devices.values()].filter(
      ({ isRegistered, lastSeen, firstSeen }) => !isRegistered && (lastSeen ?? firstSeen) < before,
    )
    for (const device of old) this.#remove(device)
    this.#hasChanged ||= old.length > 0
    return old.length
  }

  /** Writes the last snapshot. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#cancel()
    await this.#writing
    await this.#write()
  }

  #put(device: PushDevice): void {
    const before = this.#devices.get(device.name)
    if (before) this.#count(before, -1)
    else this.#names = null
    this.#count(device, 1)
    this.#devices.set(device.name, device)
  }

  #remove(device: PushDevice): void {
    this.#count(device, -1)
    this.#devices.delete(device.name)
    this.#names = null
  }

  #hasRoomFor({ isRegistered }: Heard): boolean {
    if (isRegistered || this.#unregistered < this.#maxUnregistered) return true
    this.#turnedAway++
    return false
  }

  #count(device: PushDevice, sign: 1 | -1): void {
    if (device.isRegistered) return
    this.#unregistered += sign
    this.#unregisteredEntries += sign * entriesOf(device)
  }

  #arm(): void {
    if (this.#isClosed) return
    this.#cancel = this.#options.after(this.#options.everyMs ?? EVERY_MS, () => {
      this.#writing = this.#write().then(() => this.#arm())
    })
  }

  async #write(): Promise<void> {
    if (!this.#hasChanged) return
    this.#hasChanged = false
    const written = await writeList(this.#options.path, this.#devices.values())
    if (written.ok) {
      this.#isSilent = false
      return
    }
    this.#hasChanged = true
    // Once is enough: the disk says it every minute.
    if (!this.#isSilent) this.#options.say(written.error)
    this.#isSilent = true
  }
}

const fitting = ({ isRegistered, presence, silentSince, text }: DeviceFilter): ((device: PushDevice) => boolean) => {
  const part = text?.toLowerCase()
  return (device) =>
    (isRegistered === undefined || device.isRegistered === isRegistered) &&
    (presence === undefined || device.presence === presence) &&
    (silentSince === undefined || (device.lastSeen ?? 0) < silentSince) &&
    (part === undefined || device.name.toLowerCase().includes(part))
}

/** Place of the first name behind another one, which need not be there. */
const firstBehind = (names: readonly string[], after: string): number => {
  let low = 0
  for (let high = names.length; low < high; ) {
    const middle = (low + high) >> 1
    if ((names[middle] ?? '') > after) high = middle
    else low = middle + 1
  }
  return low
}

import type { Profile, ProtocolAdapter, ReadPlan, Selection } from '../../src/core/adapter.ts'
import { fullObis } from '../../src/core/obis.ts'
import { ok, type Result } from '../../src/core/result.ts'
import { clockOf } from './clock.ts'
import { type Manner, ping } from './conversation.ts'
import { createDeframer } from './deframer.ts'
import { fail } from './errors.ts'
import { describe } from './explain.ts'
import { encodeFrame, type Frame, MAX_DATA, OVERHEAD, parseAddress, type Variant } from './frame.ts'
import { planCurve } from './plan-curve.ts'
import { planCurrent, planDayFreeze, planMonthFreeze } from './plan-registers.ts'
import { type Dlt645Profile, type Field, fieldOf, profileOf, type RegisterLine, variantOfProfile } from './profile.ts'

/** FEH bytes before a request when the profile says nothing. */
const USUAL_WAKE_UPS = 4

/** FEH bytes a meter may put before its answer; up to seven were captured. */
const MAX_WAKE_UPS = 8

const mannerOf = (profile: Dlt645Profile): Manner => ({ variant: variantOfProfile(profile), wakeUps: profile.wakeUps ?? USUAL_WAKE_UPS })

/** Lines of a read kind, those of the selection only. @errors DLT645_PROFILE */
const fieldsOf = (profile: Dlt645Profile, lines: readonly RegisterLine[], selection: Selection): Result<Field[]> => {
  const wanted = selection.obis && new Set(selection.obis.map((code) => fullObis(code) ?? code))
  const fields: Field[] = []
  for (const line of lines) {
    if (wanted && !wanted.has(fullObis(line.obis) ?? line.obis)) continue
    const field = fieldOf(variantOfProfile(profile), line)
    if (!field.ok) return field
    fields.push(field.value)
  }
  if (fields.length > 0) return ok(fields)
  const what = wanted ? ` of ${[...wanted].join(', ')}` : ''
  return fail('DLT645_PROFILE', `profile ${profile.id} has nothing for ${selection.kind}${what}`)
}

const planOf = (profile: Dlt645Profile, selection: Selection): Result<ReadPlan<Frame>> => {
  const { registers, dayFreeze, monthFreeze, curve, blocks } = profile
  const lines = { current: registers, 'day-freeze': dayFreeze?.registers, 'month-freeze': monthFreeze?.registers, curve: curve?.registers }[
    selection.kind
  ]
  const fields = fieldsOf(profile, lines ?? [], selection)
  if (!fields.ok) return fields
  const manner = mannerOf(profile)
  if (selection.kind === 'day-freeze' && dayFreeze) return planDayFreeze(manner, fields.value, dayFreeze.time, selection)
  if (selection.kind === 'month-freeze') return planMonthFreeze(manner, fields.value, selection)
  if (selection.kind === 'curve' && curve) return planCurve(manner, fields.value, curve.minutes, curve.blocksPerRequest, selection)
  return ok(planCurrent(manner, fields.value, blocks ?? false))
}

const adapterOf = (variant: Variant): ProtocolAdapter<Frame> => {
  const id = `dlt645-${variant}`
  const load = (profile: Profile): Result<Dlt645Profile> => {
    const loaded = profileOf(profile)
    if (!loaded.ok || loaded.value.protocol === id) return loaded
    return fail('DLT645_PROFILE', `profile ${loaded.value.id} is for ${loaded.value.protocol}, not ${id}`)
  }
  return {
    id,
    longestFrame: MAX_WAKE_UPS + OVERHEAD + MAX_DATA,
    deframer: createDeframer,
    // Address, control code and data are all there is: the sum was right, so that it comes out again.
    bytesOf: (frame) => encodeFrame(frame, 0),
    address: parseAddress,
    plan(profile, selection) {
      const loaded = load(profile)
      return loaded.ok ? planOf(loaded.value, selection) : loaded
    },
    *probe(profile, address) {
      const loaded = load(profile)
      return loaded.ok ? yield* ping(address, mannerOf(loaded.value)) : loaded
    },
    clock(profile) {
      const loaded = load(profile)
      return loaded.ok ? clockOf(mannerOf(loaded.value)) : null
    },
    describe,
  }
}

/** DL/T 645-2007 as the house meets it. */
export const dlt6452007: ProtocolAdapter<Frame> = adapterOf('2007')
/** Reading of DL/T 645-1997. */
export const dlt6451997: ProtocolAdapter<Frame> = adapterOf('1997')

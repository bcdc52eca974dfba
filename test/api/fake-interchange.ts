import type { InterchangeDeps } from '../../src/api/index.ts'
import { err, failWith, ok, type Result } from '../../src/core/index.ts'

const fail = failWith({
  INTERCHANGE_POINT: { recovery: 'skip', hint: 'GET /api/v1/points lists them' },
  STORE_CLOSED: { recovery: 'wait', hint: 'free the disk' },
})

async function* text(parts: readonly (string | null)[]): AsyncGenerator<Result<string>> {
  for (const part of parts) yield part === null ? err(fail('STORE_CLOSED', 'the store is out').error) : ok(part)
}

/** Ids of areas that stand for what can go wrong. */
export const OUT = 'store-out'
export const OUT_LATER = 'store-out-later'

/** Messages that exist only as text; they say what was asked. */
export const fakeInterchange = (): InterchangeDeps => ({
  meterReadings: (question, scope) => {
    if (question.points?.some((id) => id !== 'P-001' || !(scope.all || scope.sees('point', id))))
      return err({ because: 'unknown' as const, error: fail('INTERCHANGE_POINT', 'there is no such point').error })
    if (question.area === OUT) return ok(text([null]))
    if (question.area === OUT_LATER) return ok(text(['<MeterReadings>', null]))
    return ok(text(['<MeterReadings>', JSON.stringify(question), '</MeterReadings>']))
  },
  usagePoints: (scope, after, limit) =>
    ['P-001', 'P-002', 'P-003']
      .filter((id) => (after === null || id > after) && (scope.all || scope.sees('point', id)))
      .slice(0, limit)
      .map((id) => ({ id, uuid: `00000000-0000-5000-8000-000000000${id.slice(2)}` })),
  usageFeed: async (point, question, scope) =>
    point === 'P-001' && (scope.all || scope.sees('point', point))
      ? ok(text(['<feed>', JSON.stringify(question), '</feed>']))
      : err({ because: 'unknown' as const, error: fail('INTERCHANGE_POINT', `there is no point "${point}"`).error }),
})

import { type Static, Type } from 'typebox'
import { Amount, Id, object, oneOf, optional, text } from './schema-parts.ts'

const Name = Type.String({ maxLength: 200 })
const Ratio = text('^[0-9]+(\\.[0-9]+)?(/[0-9]+(\\.[0-9]+)?)?$', '`400/5` or `80`')

const Day = text('^[0-9]{4}-[0-9]{2}-[0-9]{2}$', 'a day: "2026-11-21"')

/** The ledger file (档案): what hangs where. Times are instants with offset; absent = since always. */
export const LedgerSchema = object({
  version: Type.Literal(1),
  zones: optional(Type.Array(object({ id: Id, name: optional(Name), parent: optional(Id), responsible: optional(Name) }))),
  feeders: optional(
    Type.Array(
      object({
        ...{ id: Id, name: optional(Name), zone: optional(Id), voltageKv: optional(Amount), responsible: optional(Name) },
        bus: optional(Type.String({ minLength: 1, maxLength: 200, description: 'bus (母线) the feeder leaves from' })),
      }),
    ),
  ),
  areas: optional(
    Type.Array(
      object({
        ...{ id: Id, name: optional(Name), zone: optional(Id), feeder: optional(Id) },
        ...{ capacityKva: optional(Amount), nominalV: optional(Amount), responsible: optional(Name) },
      }),
    ),
  ),
  customers: optional(
    Type.Array(
      object({
        ...{ id: Id, name: optional(Name), address: optional(Name), category: optional(Name), priority: optional(Name) },
        keyAccount: optional(Type.Boolean({ description: 'its use is watched by itself', default: false })),
      }),
    ),
  ),
  concentrators: optional(
    Type.Array(
      object({
        ...{ id: Id, name: optional(Name), area: optional(Id), maker: optional(Name), model: optional(Name), sim: optional(Name) },
        address: optional(
          Type.String({
            minLength: 1,
            maxLength: 40,
            description: 'in quotes: region and number of a gw3761 terminal, "4510-21" or "4510-0015H"; the digits of a dlt698 one',
          }),
        ),
        protocol: optional(oneOf(['gw3761', 'dlt698'], 'Q/GDW 376.1 or DL/T 698.45: with it, meters may name it as their line')),
        allowWrites: optional(Type.Boolean({ description: 'may be sent what changes something in it or in a meter', default: false })),
        heartbeatMinutes: optional(Type.Integer({ minimum: 1, maximum: 1440, description: 'default: as it says itself, or its listener' })),
        frameLimit: optional(
          Type.Integer({ minimum: 64, maximum: 16_383, description: 'longest frame it takes and gives, bytes', default: 1024 }),
        ),
        window: optional(Type.Integer({ minimum: 1, maximum: 16, description: 'requests it works on at once', default: 1 })),
        responsible: optional(Name),
      }),
    ),
  ),
  points: Type.Array(
    object({
      id: Id,
      name: optional(Name),
      area: optional(Id),
      role: optional(
        oneOf(
          ['customer', 'area-supply', 'line-supply', 'bus-in', 'bus-out', 'generation', 'other'],
          'area-supply feeds the area, line-supply the feeder; bus-in and bus-out are what flows into a bus and out of it',
          { default: 'customer' },
        ),
      ),
      feeder: optional(Id),
      bus: optional(Type.String({ minLength: 1, maxLength: 200, description: 'bus (母线) the point measures at' })),
      phase: optional(oneOf(['L1', 'L2', 'L3', 'L123', 'unknown'], 'supply phase', { default: 'unknown' })),
      customer: optional(Id),
      state: optional(
        oneOf(['planned', 'installed', 'trial', 'in-service', 'archived'], 'planned and archived points are not read', {
          default: 'in-service',
        }),
      ),
      ct: optional(Ratio),
      pt: optional(Ratio),
      contractKva: optional(Amount),
      priceClass: optional(Name),
      pfStandard: optional(Amount),
      solarKw: optional(Amount),
      solarSince: optional(Day),
      registeredOn: optional(Day),
      energisedOn: optional(Day),
      startRegister: optional(Amount),
      responsible: optional(Name),
    }),
  ),
  meters: Type.Array(
    object({
      id: Id,
      point: Id,
      line: { ...Id, description: 'a line or broker of gateway.yaml, a line of the ledger, or a concentrator' },
      address: Type.String({
        minLength: 1,
        maxLength: 200,
        description: 'in quotes: leading zeros count; of a pushing meter what its mapping takes for the meter id',
      }),
      profile: Type.String({ minLength: 1, description: 'meter model, or mqtt/MAPPING for a meter that pushes' }),
      ct: optional(Ratio),
      pt: optional(Ratio),
      timeoutMs: optional(Type.Integer({ minimum: 20, maximum: 120_000 })),
      concentrator: optional(Id),
      measuringPoint: optional(
        Type.Integer({ minimum: 1, maximum: 2040, description: 'number (测量点号) under which the concentrator keeps its values' }),
      ),
      archiveNumber: optional(
        Type.Integer({ minimum: 1, maximum: 2040, description: 'place (装置序号) in the archive of the concentrator' }),
      ),
      port: optional(Type.Integer({ minimum: 1, maximum: 31, description: 'port of the concentrator; 31: power line carrier' })),
      collector: optional(Type.String({ pattern: '^[0-9]{12}$', description: 'collector in between, 12 digits in quotes' })),
      ...{ asset: optional(Name), maker: optional(Name), model: optional(Name), digits: optional(Amount) },
      ...{ verifiedOn: optional(Day), verifyBy: optional(Day) },
      from: optional(Type.String({ format: 'date-time' })),
    }),
  ),
})
export type LedgerFile = Static<typeof LedgerSchema>

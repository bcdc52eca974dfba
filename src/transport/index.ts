export * from './connection.ts'
export * from './memory.ts'
export * from './serial.ts'
export * from './tcp.ts'

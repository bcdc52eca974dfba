export * from './scan.ts'
export * from './scan-profiles.ts'

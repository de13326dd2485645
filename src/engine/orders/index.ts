export { enumerateOrders } from './enumerate.ts';
export { ALL_SEMANTICS, exploreVariants, type Variant } from './explore.ts';

declare const brand: unique symbol;
/** A nominal type: `type TypeId = Brand<number, 'TypeId'>`. */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };

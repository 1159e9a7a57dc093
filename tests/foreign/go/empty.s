// A function without a body, as sbrk, needs an assembly file in its package.

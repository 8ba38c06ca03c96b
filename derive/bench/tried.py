"""What was tried for rows whose goal is missed, with the figures that were seen: one thread, CPU time, an EPYC with AVX-512."""

from __future__ import annotations

__all__ = ["TRIED"]

TRIED = {
    "16mp-3x3": (
        "16 MP, 3×3, ms: rows on BLAS with flat additions 12.7 to 17; panels of shifts in tiles of 1024 columns 13.7, of 2048 "
        "columns 12.5, of whole rows 8.3, since whole rows are written in order; 16, 64 or 128 rows a tile instead of 32 "
        "change it by 3%. What is left is memory: the same takes 0.43 ns a pixel at 1 MP, and 0.50 here. Sums of three "
        "shifted arrays as a product with ones on overlapping rows: 0.15 ms a MP, two additions take 0.15 to 0.19; by "
        "np.dot 0.26."
    ),
    "16mp-7x7": (
        "16 MP, 7×7, ms: tiles of 1024 columns and 32 rows 25.2, 64 rows 25.0; of 2048 columns 25.0 and 23.8; of whole "
        "rows 51 to 75, beyond the product of 10⁶ numbers that OpenBLAS takes without copies; rows on BLAS 26.6."
    ),
    "1mp-float64-7x7": (
        "Panels of shifts 2.6 to 2.9 ms in tiles of 250 columns, rows on BLAS 3.4. Products of 140 operations a pixel alone "
        "take 1.4 ms at the most that BLAS reaches in float64."
    ),
    "ndimage-7x7": (
        "1 MP, 7×7, ms: products alone 0.70 for blocks of 4 rows (200·10⁹ operations/s of 240), 1.08 for 2 and 0.92 for "
        "8; the seven copies 0.44, however they are ordered (by rows, by shifts, with aligned targets); rows on BLAS with "
        "six additions 1.6; blocks of 3, 5 and 6 rows 1.65, 1.48 and 1.44 where 4 take 1.37."
    ),
    "separable-5": (
        "1 MP, ms: tiles of 16, 32, 64, 128 rows 1.6, 1.2, 0.94, 1.1 before products came in parts that BLAS takes "
        "without copies, 0.62 since; stretches of 32 places 1.2 to 1.3 where 16 take 0.94; blocks of 16 rows 1.03 where 8 "
        "take 0.94."
    ),
    "separable-11": (
        "1 MP, ms: tiles of 16, 32, 64, 128 rows 1.7, 1.3, 1.03, 1.2 before products came in parts that BLAS takes "
        "without copies, 0.78 since; stretches of 32 places 1.33 where 16 take 1.03; blocks of 16 rows 1.16 where 8 take "
        "1.03."
    ),
    "line-9": (
        "10⁶ samples, ms: stretches of 16, 32, 48, 64, 128 places 0.30, 0.37, 0.55, 0.65, 0.96 for the products alone "
        "with views made before; 0.37 with tiles and views, 0.66 before products came in parts that BLAS takes without "
        "copies; np.correlate 1.2."
    ),
    "volume-3x3x3": (
        "128³, ms: rows on BLAS 3.3; panels of shifts with blocks of 2, 4, 8 rows of 64 planes 2.9, 2.4, 3.1 and of 16 planes "
        "4.7, 3.1, 3.3; blocks of two planes by 4 and by 2 rows 3.0 and 2.5. The copies take 0.7 of these, the products "
        "1.4."
    ),
}

"""What was tried for rows whose goal is missed, and for the time a pixel, with the figures that were seen: one thread, CPU time,
an EPYC with AVX-512 where no other is named."""

from __future__ import annotations

__all__ = ["GROWING", "TRIED"]

_USUAL = (
    "With AVX2 OpenBLAS packs both sides of each product, however small, which takes longer than these products' arithmetic. "
    "On a busy machine, 1 MP, "
)

GROWING = (
    "An image of 1 MP and its result stay in the last cache, larger ones don't; tiles that were tried at 16 MP stand under "
    "16mp-3x3. At 64 MP with AVX2, on a busy machine, 3×3, ms: tiles of whole rows by 16 and 32 rows 143 and 130, of 4096 "
    "columns by 32, 64 and 128 rows 147, 141 and 154, of 2048 columns 162, 145 and 142, of 1024 157 to 203, of 512 171 to 184."
)

TRIED = {
    "1mp-3x3": (
        f"{_USUAL}3×3, where OpenCV takes 0.84 ms: panels of whole rows for blocks of 1, 2, 4, 8 and 16 rows 2.02, 2.92, 2.45, "
        "2.68 and 3.31, of 500 columns 2.36, of 250 2.99; rows on BLAS for 1, 2, 4 and 8 rows 3.36, 3.04, 3.30 and "
        "3.71; direct sums 8.43."
    ),
    "1mp-5x5": (
        f"{_USUAL}5×5, where OpenCV takes 1.73 ms: panels for single rows by 32, 64, 128 and 256 rows 3.93, 3.62, 3.45 and "
        "3.61, of 500 columns 4.05 to 4.41, of 250 4.28 to 4.61; for blocks of four rows 4.46 to 4.98; rows on BLAS "
        "for 1, 2 and 4 rows 6.09, 5.36 and 4.97."
    ),
    "1mp-7x7": (
        f"{_USUAL}7×7, where OpenCV takes 2.90 ms: panels of whole rows for blocks of 1, 2, 4, 8 and 16 rows 6.26, 12.1, 7.75, "
        "8.32 and 8.65, of 500 columns 6.39, of 250 7.62; rows on BLAS for 1, 2, 4 and 8 rows 8.71, 7.49, 7.28 and "
        "8.03; Fourier transforms 12.9; direct sums 53.7."
    ),
    "1mp-11x11": (
        f"{_USUAL}11×11, where OpenCV takes 6.26 ms: panels of whole rows for blocks of 1, 2, 4, 8 and 16 rows 12.0, 27.4, "
        "16.6, 17.3 and 16.9, of 500 columns 12.4, of 250 14.9; rows on BLAS for 1, 2, 4 and 8 rows 15.6, 15.0, 15.5 "
        "and 14.8; Fourier transforms 13.5; direct sums 129."
    ),
    "16mp-3x3": (
        "16 MP, 3×3, ms: rows on BLAS with flat additions 12.7 to 17; panels of shifts in tiles of 1024 columns 13.7, "
        "of 2048 columns 12.5, of whole rows 8.3, since whole rows are written in order; of these 64, 32, 16 and 8 a "
        "tile take 9.3, 10.5, 12.4 and 16.5 on a busy machine. What is left is memory: the same takes 0.41 ns a pixel "
        "at 1 MP, and 0.49 here, and an image is read once and written once, with what is written read first: 200 MB, "
        "6.4 ms at the rate of reading. Sums of three shifted arrays as a product with ones on overlapping rows: 0.15 "
        "ms a MP, two additions take 0.15 to 0.19; by np.dot 0.26."
    ),
    "16mp-7x7": (
        "16 MP, 7×7, ms: tiles of 1024 columns and 32 rows 25.2, 64 rows 25.0; of 2048 columns 25.0 and 23.8; of "
        "whole rows 51 to 75, beyond the product of 10⁶ numbers that OpenBLAS takes without copies; rows on BLAS "
        "26.6. On a busy machine, where the chosen tile of 2048 columns and 64 rows takes 24.6: 32 rows 26.2, 16 rows "
        "29.6, 1366 columns 29.4, blocks of two rows by whole rows 29.4 and 31.7; four copies for two products where "
        "seven are for one, 6% slower at 1 MP."
    ),
    "16mp-11x11": (
        "With AVX2 it is as at 1 MP: 14.5 ns a pixel here and 17.0 there, in one run on a busy machine. In another, "
        "ms, where OpenCV takes 99.9: rows on BLAS for 2 and 4 rows 143.1 and 161.2; Fourier transforms of tiles of "
        "256 by 256 places 157.4, by 512 157.5, of 128 by 384 166.6, of 288 by 512 167.5, of 384 by 384 208.7. In a third, "
        "where it takes 106: panels for single rows of 512 columns by 256 and 128 rows 161 and 176, of 1024 columns 196 "
        "to 253, of 2048 194 to 284, of 4096 208 to 269; Fourier transforms 184 to 249."
    ),
    "1mp-float64-7x7": (
        "Panels of shifts 2.6 to 2.9 ms in tiles of 250 columns, rows on BLAS 3.4. Products of 140 operations a pixel "
        "alone take 1.4 ms at the most that BLAS reaches in float64. With AVX2, on a busy machine where OpenCV takes "
        "11.6: panels by whole rows for blocks of 1, 2, 4 and 8 rows 12.5, 23.8, 17.9 and 15.5; for one row by 500 "
        "and 250 columns 13.1 and 13.6; rows on BLAS for 1, 2 and 4 rows 18.6, 14.1 and 14.1; four copies, then "
        "three, with two products and an addition 39.7, where seven copies and one product written the same way take "
        "31.1."
    ),
    "1mp-float64-11x11": (
        f"{_USUAL}11×11 in float64, where OpenCV takes 14.5 ms: rows on BLAS for 1, 2 and 4 rows 23.6, 20.1 and 23.2; panels "
        "for single rows of 500 columns by 64 and 32 rows 21.5 and 21.6, of 250 columns 22.2, of whole rows 25.3; "
        "Fourier transforms of 512 by 512 places, beyond what the default accuracy admits, 21.3 where OpenCV takes "
        "19.3."
    ),
    "ndimage-3x3": (
        f"{_USUAL}3×3, where OpenCV takes 0.84 ms: panels for single rows by 32, 64, 128 and 256 rows 2.24, "
        "1.92, 1.82 and 1.84, of 500 columns 2.36 to 2.77; for blocks of four rows 2.34 to 2.77; rows on BLAS for 2 and 4 "
        "rows 2.90 and 2.92."
    ),
    "ndimage-5x5": (
        f"{_USUAL}5×5, where SciPy takes 27.5 ms: panels for single rows of 500 columns by 128 and 256 rows 3.89 and 3.86, of "
        "250 columns by 128 rows 3.88, of whole rows by 16 rows 4.18; for blocks of four rows 4.39; rows on BLAS for "
        "1, 2 and 4 rows 5.38, 4.89 and 4.85."
    ),
    "ndimage-7x7": (
        "1 MP, 7×7, ms: products alone 0.70 for blocks of 4 rows (200·10⁹ operations/s of 240), 1.08 for 2 and 0.92 "
        "for 8; the seven copies 0.44, however they are ordered (by rows, by shifts, with aligned targets); rows on "
        "BLAS with six additions 1.6; blocks of 3, 5 and 6 rows 1.65, 1.48 and 1.44 where 4 take 1.37. On a busy "
        "machine, where the seven copies and one product take 1.65: four copies, two products and an addition 1.76; "
        "tiles of 16, 32 and 64 rows 1.69, 1.59 and 1.46, of half and of a quarter of the columns 1.80 to 2.10."
    ),
    "separable-5": (
        "1 MP, ms: tiles of 16, 32, 64, 128 rows 1.6, 1.2, 0.94, 1.1 before products came in parts that BLAS takes "
        "without copies, 0.62 since; stretches of 32 places 1.2 to 1.3 where 16 take 0.94; blocks of 16 rows 1.03 "
        "where 8 take 0.94. With AVX2, on a busy machine where OpenCV takes 2.13: blocks of 8 rows by 8, 16, 32, 64 "
        "and 128 rows 3.86, 3.60, 3.44, 3.58 and 3.81, with stretches of 32 places 3.86 to 4.28; blocks of 16 rows "
        "3.66 to 4.07, of 32 rows 4.13 to 4.37."
    ),
    "separable-11": (
        "1 MP, ms: tiles of 16, 32, 64, 128 rows 1.7, 1.3, 1.03, 1.2 before products came in parts that BLAS takes "
        "without copies, 0.78 since; stretches of 32 places 1.33 where 16 take 1.03; blocks of 16 rows 1.16 where 8 "
        "take 1.03. With AVX2, on a busy machine where OpenCV takes 4.97: blocks of 8 rows by 8, 16, 32 and 64 rows "
        "4.99, 4.68, 4.65 and 4.93, with stretches of 32 places 4.93 to 5.40; blocks of 16 rows 4.75 to 5.06, of 32 "
        "rows 5.23 to 5.53."
    ),
    "line-9": (
        "10⁶ samples, ms: stretches of 16, 32, 48, 64, 128 places 0.30, 0.37, 0.55, 0.65, 0.96 for the products alone "
        "with views made before; 0.38 with tiles and views, 0.35 since views of shapes alike are found once, 0.66 "
        "before products came in parts that BLAS takes without copies; np.correlate 1.2. Products of 24 by 16 numbers "
        "alone take 0.28, all but the goal of 0.29. Tiles of 1024, 2048, 4096, 8192, 16384 and 62500 stretches 0.65, "
        "0.45, 0.38, 0.39, 0.39 and 0.43 on a busy machine; all products of a tile as one stacked call, the same; "
        "rows that begin at a line of the cache or 4 or 12 places behind, 0.28 each. With AVX2, on a machine whose speed "
        "varied twofold, where OpenCV takes 4.35: stretches of 16, 32, 64 and 128 places 3.09, 3.32, 3.90 and 6.66, each "
        "with the tiles that suited it; tiles of 256 to 4096 stretches of 16 places 7.39, 4.88, 3.67, 3.09 and 3.35; "
        "direct sums 6.63."
    ),
    "line-101": (
        "10⁶ samples, ms, on a busy machine: stretches of 16, 32, 48, 64, 80, 96, 128 places 1.52, 1.23, 1.60, 1.59, "
        "1.92, 1.96, 2.91 for the products alone, 1.42 with tiles and views; tiles of 512, 1024, 2048, 4096 and 8192 "
        "stretches 1.83, 1.49, 1.44, 1.42 and 1.44; the 132 products of 10⁶ numbers as stacks, one for each tile, "
        "take 8% less than one call each. With AVX2, on a machine whose speed varied twofold, where OpenCV takes 8.04: "
        "stretches of 16, 32, 64 and 128 places 6.41, 6.75, 6.82 and 10.3, each with the tiles that suited it; tiles of "
        "128 to 4096 stretches of 32 places 15.4, 10.8, 7.61, 7.67, 6.87 and 6.75; Fourier transforms 82."
    ),
    "volume-3x3x3": (
        "128³, ms: rows on BLAS 3.3; panels of shifts with blocks of 2, 4, 8 rows of 64 planes 2.9, 2.4, 3.1 and of "
        "16 planes 4.7, 3.1, 3.3; blocks of two planes by 4 and by 2 rows 3.0 and 2.5. The copies take 0.7 of these, "
        "the products 1.4. On a busy machine, where 128 planes at a time take 3.0: 64, 32 and 16 planes 3.4, 3.7 and "
        "4.8, halves of rows 5.1, blocks of two rows 4.0, rows on BLAS 4.1, and the loops of Numba 4.0. With AVX2, on a "
        "machine whose speed varied twofold: rows on BLAS for 2, 1 and 4 rows 14.8, 16.4 and 18.9; panels for blocks of 4 "
        "rows by 128, 64, 32, 16 and 8 planes 14.9, 15.3, 16.8, 21.2 and 28.8, of 2 rows 20.0, 19.2 and 25.1, of one "
        "17.6, 23.3 and 32.9; halves of rows 16.9 and 18.6."
    ),
    "256to256-14x14-b1": (
        "With AVX2, on a busy machine, ms, where torch takes 3.55: Winograd's F(2, 3) by 7, 4 and 2 tiles of rows "
        "2.50, 2.79 and 3.79, F(4, 3) by 4 and 2 2.57 and 3.35; nested fast-FIR 3.31; im2col by 14 and 7 rows 3.58 "
        "and 3.69, half of im2col 5.66."
    ),
    "512to512-7x7-b1": (
        "49 places by 4608 by 512, ms, on a busy machine where torch takes 2.5: im2col 1.95, of which the one product "
        "1.60; Winograd's F(2, 3) 1.85, sums of products tap by tap 2.03, half of im2col 6.4, two tiles of rows 2.7; "
        "weights on the left 1.69, turned round before 1.85, in columns of 4, 16, 64, 128 filters 2.68, 1.87, 1.67, "
        "1.60; 9 or 36 parts of the sum 1.69 and 1.65. Pieces that OpenBLAS takes without copies, 512 terms by 32 "
        "filters, 1.14 where one product takes 1.38, but its threads don't share small products, so that with more "
        "threads than one they lose more than that."
    ),
    "1x1-64to256-b1": (
        "With AVX2, on a busy machine, ms, where torch takes 1.75: one product 1.75; the same by 28, 14, 7 and 4 rows "
        "2.15, 1.98, 2.12 and 2.31, which arrays in cache were thought to make up for. On a quiet one, where torch takes "
        "1.72: one product and the bias 1.49, by np.dot 1.55; by 128, 64 and 32 filters 1.55, 1.64 and 1.82, through an "
        "array of their own 1.85 to 2.16; weights on the left, turned back, 2.37; the bias as a channel more, its copy "
        "counted, 1.39."
    ),
    "1x1-64to256-b8": (
        "With AVX2, on a busy machine, ms, where torch takes 12.5: one product an item 14.3, for 2, 4 and 8 items at "
        "once 15.3, 15.3 and 15.6; by 56, 28, 14 and 7 rows 15.4, 14.1, 14.5 and 15.6. On a quiet one, where torch takes "
        "13.3: by 28, 14, 8 and 4 rows of all items 13.7, 13.9, 14.5 and 15.0; by 128, 64 and 32 filters 19.9 to 25.4; "
        "weights on the left, turned back, 31.8; the bias as a channel more 14.7."
    ),
    "64to64-float64-b8": (
        "With AVX2, on a busy machine, ms, where torch takes 158: Winograd's F(4, 3) for 1, 2 and 4 items by two rows "
        "of tiles 43.1, 41.2 and 41.3, by one 54.3, 44.7 and 46.2, by 7 44.1, 46.1 and 47.3, by 14 46.8 to 50.4; F(2, "
        "3) 53.8 to 59.9."
    ),
    "32x32-3x3": (
        "With AVX2, on a busy machine, ms, where SciPy takes 0.055: products with bands of the whole image 0.051; "
        "panels of shifts for 1, 2 and 4 rows 0.049, 0.047 and 0.050, of half the columns 0.060 to 0.067; rows on BLAS "
        "for 1, 2 and 4 rows 0.059, 0.058 and 0.064."
    ),
}

using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Aperture.Kernels;

/// <summary>
/// Products of six rows with a packed panel, kept in registers: <c>c[r, j] = sum over i of a[r, i] b[i, j]</c>, each sum in the order of <c>i</c>, so that a
/// row's result does not depend on its neighbours.
/// </summary>
internal static unsafe class PanelProduct
{
    /// <summary>Rows of a product.</summary>
    public const int Rows = 6;

    /// <summary>Columns of a wide and of a narrow panel.</summary>
    public const int Wide = 64, Narrow = 32;

    /// <summary>Multiplies.</summary>
    /// <param name="a">Six rows of <paramref name="count"/>.</param>
    /// <param name="aStride">Elements from row to row.</param>
    /// <param name="b">The panel <c>[count, width]</c>, contiguous.</param>
    /// <param name="width"><see cref="Wide"/> or <see cref="Narrow"/>.</param>
    /// <param name="count">Products of a sum.</param>
    /// <param name="c">Gets six rows of <paramref name="width"/>.</param>
    /// <param name="cStride">Elements from row to row.</param>
    /// <param name="adds">Whether sums go on from what <paramref name="c"/> holds.</param>
    public static void Run(float* a, long aStride, float* b, int width, int count, float* c, long cStride, bool adds)
    {
        if (width == Wide)
        {
            RunWide(a, aStride, b, count, c, cStride, adds);
        }
        else
        {
            RunNarrow(a, aStride, b, count, c, cStride, adds);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Start(bool adds, float* sums) => adds ? Vector512.Load(sums) : default;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void RunWide(float* a, long aStride, float* b, int count, float* c, long cStride, bool adds)
    {
        const int Width = 64;
        float* a0 = a, a1 = a + (1 * aStride), a2 = a + (2 * aStride), a3 = a + (3 * aStride), a4 = a + (4 * aStride), a5 = a + (5 * aStride);
        float* c0 = c, c1 = c + (1 * cStride), c2 = c + (2 * cStride), c3 = c + (3 * cStride), c4 = c + (4 * cStride), c5 = c + (5 * cStride);
        Vector512<float> s00 = Start(adds, c0), s01 = Start(adds, c0 + 16), s02 = Start(adds, c0 + 32), s03 = Start(adds, c0 + 48);
        Vector512<float> s10 = Start(adds, c1), s11 = Start(adds, c1 + 16), s12 = Start(adds, c1 + 32), s13 = Start(adds, c1 + 48);
        Vector512<float> s20 = Start(adds, c2), s21 = Start(adds, c2 + 16), s22 = Start(adds, c2 + 32), s23 = Start(adds, c2 + 48);
        Vector512<float> s30 = Start(adds, c3), s31 = Start(adds, c3 + 16), s32 = Start(adds, c3 + 32), s33 = Start(adds, c3 + 48);
        Vector512<float> s40 = Start(adds, c4), s41 = Start(adds, c4 + 16), s42 = Start(adds, c4 + 32), s43 = Start(adds, c4 + 48);
        Vector512<float> s50 = Start(adds, c5), s51 = Start(adds, c5 + 16), s52 = Start(adds, c5 + 32), s53 = Start(adds, c5 + 48);
        for (int i = 0; i < count; i++, b += Width)
        {
            Vector512<float> b0 = Vector512.Load(b), b1 = Vector512.Load(b + 16), b2 = Vector512.Load(b + 32), b3 = Vector512.Load(b + 48);
            Vector512<float> x = Vector512.Create(a0[i]);
            s00 = Vector512.FusedMultiplyAdd(x, b0, s00);
            s01 = Vector512.FusedMultiplyAdd(x, b1, s01);
            s02 = Vector512.FusedMultiplyAdd(x, b2, s02);
            s03 = Vector512.FusedMultiplyAdd(x, b3, s03);
            x = Vector512.Create(a1[i]);
            s10 = Vector512.FusedMultiplyAdd(x, b0, s10);
            s11 = Vector512.FusedMultiplyAdd(x, b1, s11);
            s12 = Vector512.FusedMultiplyAdd(x, b2, s12);
            s13 = Vector512.FusedMultiplyAdd(x, b3, s13);
            x = Vector512.Create(a2[i]);
            s20 = Vector512.FusedMultiplyAdd(x, b0, s20);
            s21 = Vector512.FusedMultiplyAdd(x, b1, s21);
            s22 = Vector512.FusedMultiplyAdd(x, b2, s22);
            s23 = Vector512.FusedMultiplyAdd(x, b3, s23);
            x = Vector512.Create(a3[i]);
            s30 = Vector512.FusedMultiplyAdd(x, b0, s30);
            s31 = Vector512.FusedMultiplyAdd(x, b1, s31);
            s32 = Vector512.FusedMultiplyAdd(x, b2, s32);
            s33 = Vector512.FusedMultiplyAdd(x, b3, s33);
            x = Vector512.Create(a4[i]);
            s40 = Vector512.FusedMultiplyAdd(x, b0, s40);
            s41 = Vector512.FusedMultiplyAdd(x, b1, s41);
            s42 = Vector512.FusedMultiplyAdd(x, b2, s42);
            s43 = Vector512.FusedMultiplyAdd(x, b3, s43);
            x = Vector512.Create(a5[i]);
            s50 = Vector512.FusedMultiplyAdd(x, b0, s50);
            s51 = Vector512.FusedMultiplyAdd(x, b1, s51);
            s52 = Vector512.FusedMultiplyAdd(x, b2, s52);
            s53 = Vector512.FusedMultiplyAdd(x, b3, s53);
        }

        s00.Store(c0);
        s01.Store(c0 + 16);
        s02.Store(c0 + 32);
        s03.Store(c0 + 48);
        s10.Store(c1);
        s11.Store(c1 + 16);
        s12.Store(c1 + 32);
        s13.Store(c1 + 48);
        s20.Store(c2);
        s21.Store(c2 + 16);
        s22.Store(c2 + 32);
        s23.Store(c2 + 48);
        s30.Store(c3);
        s31.Store(c3 + 16);
        s32.Store(c3 + 32);
        s33.Store(c3 + 48);
        s40.Store(c4);
        s41.Store(c4 + 16);
        s42.Store(c4 + 32);
        s43.Store(c4 + 48);
        s50.Store(c5);
        s51.Store(c5 + 16);
        s52.Store(c5 + 32);
        s53.Store(c5 + 48);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void RunNarrow(float* a, long aStride, float* b, int count, float* c, long cStride, bool adds)
    {
        const int Width = 32;
        float* a0 = a, a1 = a + (1 * aStride), a2 = a + (2 * aStride), a3 = a + (3 * aStride), a4 = a + (4 * aStride), a5 = a + (5 * aStride);
        float* c0 = c, c1 = c + (1 * cStride), c2 = c + (2 * cStride), c3 = c + (3 * cStride), c4 = c + (4 * cStride), c5 = c + (5 * cStride);
        Vector512<float> s00 = Start(adds, c0), s01 = Start(adds, c0 + 16);
        Vector512<float> s10 = Start(adds, c1), s11 = Start(adds, c1 + 16);
        Vector512<float> s20 = Start(adds, c2), s21 = Start(adds, c2 + 16);
        Vector512<float> s30 = Start(adds, c3), s31 = Start(adds, c3 + 16);
        Vector512<float> s40 = Start(adds, c4), s41 = Start(adds, c4 + 16);
        Vector512<float> s50 = Start(adds, c5), s51 = Start(adds, c5 + 16);
        for (int i = 0; i < count; i++, b += Width)
        {
            Vector512<float> b0 = Vector512.Load(b), b1 = Vector512.Load(b + 16);
            Vector512<float> x = Vector512.Create(a0[i]);
            s00 = Vector512.FusedMultiplyAdd(x, b0, s00);
            s01 = Vector512.FusedMultiplyAdd(x, b1, s01);
            x = Vector512.Create(a1[i]);
            s10 = Vector512.FusedMultiplyAdd(x, b0, s10);
            s11 = Vector512.FusedMultiplyAdd(x, b1, s11);
            x = Vector512.Create(a2[i]);
            s20 = Vector512.FusedMultiplyAdd(x, b0, s20);
            s21 = Vector512.FusedMultiplyAdd(x, b1, s21);
            x = Vector512.Create(a3[i]);
            s30 = Vector512.FusedMultiplyAdd(x, b0, s30);
            s31 = Vector512.FusedMultiplyAdd(x, b1, s31);
            x = Vector512.Create(a4[i]);
            s40 = Vector512.FusedMultiplyAdd(x, b0, s40);
            s41 = Vector512.FusedMultiplyAdd(x, b1, s41);
            x = Vector512.Create(a5[i]);
            s50 = Vector512.FusedMultiplyAdd(x, b0, s50);
            s51 = Vector512.FusedMultiplyAdd(x, b1, s51);
        }

        s00.Store(c0);
        s01.Store(c0 + 16);
        s10.Store(c1);
        s11.Store(c1 + 16);
        s20.Store(c2);
        s21.Store(c2 + 16);
        s30.Store(c3);
        s31.Store(c3 + 16);
        s40.Store(c4);
        s41.Store(c4 + 16);
        s50.Store(c5);
        s51.Store(c5 + 16);
    }
}

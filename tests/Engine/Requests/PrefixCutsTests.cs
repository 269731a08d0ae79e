using Aperture.Requests;
using Aperture.Sequences;
using Aperture.Vision;

namespace Aperture.Engine.Tests.Requests;

/// <summary>Where prompts are cut: at the borders of pictures and every so often in long texts, by what stands in front alone.</summary>
public sealed class PrefixCutsTests
{
    [Fact]
    public void Instructions_and_pictures_end_pieces_and_the_question_is_behind_the_last()
        => Assert.Equal([35, 611], PrefixCuts.Of(Prompt(Text(35, SpanKind.System), Picture(576, 0), Text(20))));

    [Fact]
    public void What_is_short_runs_with_the_picture_behind_it()
        => Assert.Equal([150, 226], PrefixCuts.Of(Prompt(Text(6, SpanKind.System), Picture(144, 0), Text(5), Picture(71, 1), Text(8))));

    [Fact]
    public void Long_texts_are_cut_into_blocks_and_pictures_never()
    {
        Assert.Equal([128, 256], PrefixCuts.Of(Prompt(Text(300))));
        Assert.Equal([128, 256, 1270, 1398], PrefixCuts.Of(Prompt(Text(270, SpanKind.System), Picture(1000, 0), Text(200))));
    }

    [Fact]
    public void The_last_row_of_a_prompt_stands_behind_every_cut()
    {
        Assert.Equal([128], PrefixCuts.Of(Prompt(Text(256))));
        Assert.Equal([20], PrefixCuts.Of(Prompt(Text(20, SpanKind.System), Picture(30, 0))));
        Assert.Empty(PrefixCuts.Of(Prompt(Text(1))));
        Assert.Empty(PrefixCuts.Of(Prompt(Text(20))));
    }

    [Fact]
    public void What_stands_behind_changes_no_cut_in_front()
    {
        SequenceLayout whole = Prompt(Text(140, SpanKind.System), Picture(64, 0), Text(150), Picture(64, 1), Text(9));
        int[] cuts = PrefixCuts.Of(whole);
        for (int rows = 1; rows < whole.Count; rows++)
        {
            int[] own = PrefixCuts.Of(LayoutSlice.Between(whole, 0, rows));
            Assert.Equal(cuts.Where(cut => cut < rows), own);
        }
    }

    [Fact]
    public void Prompts_with_private_dropped_or_joined_rows_are_not_cut_there()
    {
        Assert.Empty(PrefixCuts.Of(Prompt(Text(20) with { Private = true }, Picture(30, 0), Text(9))));
        Assert.Empty(PrefixCuts.Of(Prompt(Text(20), Picture(30, 0), Text(9)).Keep([.. Enumerable.Range(0, 50)])));
        Assert.Equal([20], PrefixCuts.Of(Prompt(Text(20), Picture(30, 0) with { WithNext = true }, Text(9), Picture(40, 1), Text(3))));
    }

    [Fact]
    public void A_slice_has_the_kinds_pictures_and_positions_of_its_rows()
    {
        SequenceLayout whole = Prompt(Text(5, SpanKind.System), Picture(6, 0), Text(4), Picture(6, 1), Text(3))
            .WithPositions([.. Enumerable.Range(0, 24).Select(row => row * 2)]);

        SequenceLayout slice = LayoutSlice.Between(whole, 3, 17);

        Assert.Equal(Enumerable.Range(3, 14).Select(row => (whole.KindOf(row), whole.ImageOf(row))), Enumerable.Range(0, 14)
            .Select(row => (slice.KindOf(row), slice.ImageOf(row))));
        Assert.Equal(Enumerable.Range(3, 14).Select(row => row * 2), slice.Positions.ToArray());
    }

    private static SequenceLayout Prompt(params Span[] spans) => SequenceLayout.Create(spans);

    private static Span Text(int rows, SpanKind kind = SpanKind.Text) => new(kind, rows);

    private static Span Picture(int rows, int image) => new(SpanKind.Image, rows) { Image = image };
}

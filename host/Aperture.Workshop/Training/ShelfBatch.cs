using Aperture.Data;
using Aperture.Requests;
using Aperture.Sequences;
using static TorchSharp.torch;

namespace Aperture.Workshop;

/// <summary>
/// Pictures with packed questions. Each picture's rows are: prompt head, some of its patches at their own positions, then questions that see head and patches
/// and themselves but
/// not each other, each at the positions it would have alone. One forward so answers many questions a picture, exactly as if each had been asked alone.
/// </summary>
internal sealed class ShelfBatch : IDisposable
{
    // The question mark, the turn's name, and the last word before them.
    private const int EarlyRows = 3;

    private ShelfBatch()
    {
    }

    public required ShelfScene[] Scenes { get; init; }

    /// <summary>RGB bytes of each picture; null where shelves are told in words.</summary>
    public byte[][]? Pictures { get; init; }

    /// <summary>int64 <c>[pictures, head + text]</c>.</summary>
    public required Tensor Ids { get; init; }

    /// <summary>Rows of the prompt head.</summary>
    public required int HeadRows { get; init; }

    /// <summary>Patches the decoder sees, per picture, ascending.</summary>
    public required int[][] Patches { get; init; }

    /// <summary>Boolean <c>[pictures * kv heads, 1, rows, rows]</c>.</summary>
    public required Tensor Visible { get; init; }

    public required SequenceLayout[] Layouts { get; init; }

    /// <summary>int64 packed row indices whose next token is part of an answer; behind them the early rows.</summary>
    public required Tensor AnswerRows { get; init; }

    /// <summary>int64 answer tokens, the end token included; behind them those of the early rows.</summary>
    public required Tensor Answers { get; init; }

    /// <summary>
    /// How many of <see cref="Answers"/> are answers. The others are early ones: the question's last rows are asked for the answer's first token too. What a
    /// question's own rows
    /// say is never read, so this costs nothing and teaches looking things up where they are named, before carrying them to where the answer begins.
    /// </summary>
    public required int AnswerTokens { get; init; }

    /// <summary>Per answer token: index into <see cref="Types"/>.</summary>
    public required int[] QuestionOf { get; init; }

    /// <summary>Per question: the index of its type in the set's.</summary>
    public required int[] Types { get; init; }

    public required int Rows { get; init; }

    public void Dispose()
    {
        Ids.Dispose();
        Visible.Dispose();
        AnswerRows.Dispose();
        Answers.Dispose();
    }

    /// <summary>Draws a batch.</summary>
    /// <param name="set">What shelves are like.</param>
    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="model">The model: its prompts' beginning, its patches, its decoder's heads.</param>
    /// <param name="items">Photographs; null to tell shelves in words.</param>
    /// <param name="options">Sizes.</param>
    /// <param name="patchesPerPlace">Patches of each place that the decoder sees.</param>
    /// <param name="weights">How often each type of the set is asked, in any unit.</param>
    /// <param name="random">Source of chance.</param>
    public static ShelfBatch Draw(
        ShelfSet set, ShelfTokenizer tokenizer, IShelfModel model, FashionItems? items, ShelfStageOptions options, int patchesPerPlace, double[] weights,
        SeededRandom random)
    {
        int pictures = options.Pictures, text = options.TextRows;
        int[] head = model.PromptHead;
        int visual = patchesPerPlace * ShelfWords.Places, rows = head.Length + visual + text, firstText = head.Length + model.Patches.Count;
        ShelfScene[] scenes = new ShelfScene[pictures];
        byte[][]? painted = items is null ? null : new byte[pictures][];
        long[] ids = new long[pictures * (head.Length + text)];
        int[][] patches = new int[pictures][];
        bool[] visible = new bool[pictures * rows * rows];
        SequenceLayout[] layouts = new SequenceLayout[pictures];
        List<long> answerRows = [], answers = [], earlyRows = [], earlyAnswers = [];
        List<int> questionOf = [];
        VisualGrid grid = new(model.Patches.Grid, model.Patches.Grid);
        List<int> types = [];
        for (int picture = 0; picture < pictures; picture++)
        {
            ShelfScene scene = scenes[picture] = set.Draw(random);
            if (painted is not null)
            {
                painted[picture] = set.Paint(scene, items!, random);
            }

            patches[picture] = SomePatches(model.Patches, patchesPerPlace, random);
            Span<long> own = ids.AsSpan(picture * (head.Length + text), head.Length + text);
            int[] positions = new int[rows], question = new int[text];
            for (int i = 0; i < head.Length; i++)
            {
                own[i] = head[i];
                positions[i] = i;
            }

            for (int i = 0; i < visual; i++)
            {
                positions[head.Length + i] = head.Length + patches[picture][i];
            }

            Array.Fill(question, -1);
            Array.Fill(positions, firstText, head.Length + visual, text);
            int used = 0;
            foreach ((int type, int[] prompt, int[] answer) in Questions(set, tokenizer, scene, text, weights, random))
            {
                int length = prompt.Length + answer.Length - 1;
                for (int i = 0; i < length; i++)
                {
                    own[head.Length + used + i] = i < prompt.Length ? prompt[i] : answer[i - prompt.Length];
                    positions[head.Length + visual + used + i] = firstText + i;
                    question[used + i] = types.Count;
                }

                for (int i = 0; i < answer.Length; i++)
                {
                    answerRows.Add((picture * rows) + head.Length + visual + used + prompt.Length - 1 + i);
                    answers.Add(answer[i]);
                    questionOf.Add(types.Count);
                }

                for (int i = 2; i <= EarlyRows + 1; i++)
                {
                    earlyRows.Add((picture * rows) + head.Length + visual + used + prompt.Length - i);
                    earlyAnswers.Add(answer[0]);
                }

                types.Add(type);
                used += length;
            }

            Mark(visible.AsSpan(picture * rows * rows, rows * rows), rows, head.Length + visual, question);
            layouts[picture] = SequenceLayout.Create(
                [
                    new Span(SpanKind.Text, head.Length),
                    new Span(SpanKind.Image, visual) { Image = 0, Grid = grid, Places = patches[picture] },
                    new Span(SpanKind.Text, text),
                ],
                positions);
        }

        using Tensor once = tensor(visible, [pictures, 1, rows, rows]);
        return new ShelfBatch
        {
            Scenes = scenes,
            Pictures = painted,
            Ids = tensor(ids, [pictures, head.Length + text]),
            HeadRows = head.Length,
            Patches = patches,
            Visible = once.repeat_interleave(model.Decoder.KeyValueHeads, 0),
            Layouts = layouts,
            AnswerRows = tensor([.. answerRows, .. earlyRows]),
            Answers = tensor([.. answers, .. earlyAnswers]),
            AnswerTokens = answers.Count,
            QuestionOf = [.. questionOf],
            Types = [.. types],
            Rows = rows,
        };
    }

    // As many random questions as fit.
    private static IEnumerable<(int Type, int[] Prompt, int[] Answer)> Questions(
        ShelfSet set, ShelfTokenizer tokenizer, ShelfScene scene, int text, double[] weights, SeededRandom random)
    {
        double total = weights.Sum();
        for (int failed = 0, used = 0; failed < 20;)
        {
            double at = random.NextDouble() * total;
            int type = 0;
            while (at >= weights[type] && type < weights.Length - 1)
            {
                at -= weights[type++];
            }

            if (ShelfInterviewer.Ask(scene, set.Types[type], random) is not { } asked)
            {
                failed++;
                continue;
            }

            int[] prompt = tokenizer.Encode($"\n{asked.Question} ASSISTANT:");
            int[] answer = [.. tokenizer.Encode(" " + asked.Answer), tokenizer.EndToken];
            if (used + prompt.Length + answer.Length - 1 > text)
            {
                failed += 5;
                continue;
            }

            used += prompt.Length + answer.Length - 1;
            yield return (type, prompt, answer);
        }
    }

    private static int[] SomePatches(ShelfPatches all, int perPlace, SeededRandom random)
    {
        int side = all.PerSide, grid = all.Grid;
        List<int> patches = [];
        for (int place = 0; place < ShelfWords.Places; place++)
        {
            foreach (int inside in random.Draw(side * side, perPlace))
            {
                int row = (place / ShelfWords.Side * side) + (inside / side), column = (place % ShelfWords.Side * side) + (inside % side);
                patches.Add((row * grid) + column);
            }
        }

        patches.Sort();
        return [.. patches];
    }

    private static void Mark(Span<bool> visible, int rows, int shared, int[] question)
    {
        for (int row = 0; row < rows; row++)
        {
            Span<bool> line = visible.Slice(row * rows, rows);
            line[..Math.Min(row + 1, shared)].Fill(true);
            for (int key = shared; key <= row; key++)
            {
                line[key] = question[key - shared] == question[row - shared];
            }
        }
    }
}

using Aperture.Decoding;
using Aperture.Generation;
using Aperture.Models;
using Aperture.Plugins.Eas.Lavin;
using Aperture.Sequences;
using Aperture.Tasks;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;
using Span = Aperture.Sequences.Span;

namespace Aperture.Golden.Tests.Eas;

/// <summary>
/// Batches as LaVIN's official code runs them: the first forward takes as much of every prompt as the shortest one has, the rest of the longer prompts goes in
/// one row at a time beside the others' generated tokens. What adapters remember of the first forward therefore depends on the company, and so do answers; a
/// batch of one is an ordinary request.
/// </summary>
/// <param name="model">The model; borrowed.</param>
/// <param name="table">The compiled hooks, the model's own method among them.</param>
internal sealed class LavinGenerator(Model model, HookTable? table)
{
    private static readonly Span[] _oneRow = [new Span(SpanKind.Generated, 1)];

    /// <summary>Longest sequence, prompt and answer together, as the official scripts set it.</summary>
    public int MaxLength { get; init; } = 512;

    /// <summary>Who listens to the forwards; null for nobody.</summary>
    public IDecoderTrace? Trace { get; init; }

    /// <summary>Generates from tokenised prompts.</summary>
    /// <param name="prompts">Ids, <see cref="LavinPacker.Placeholder"/> for a picture.</param>
    /// <param name="images">The pictures' tokens; null where a prompt has none. Borrowed.</param>
    /// <param name="options">How to choose tokens and when to end. Without beams.</param>
    /// <param name="keepLogits">Whether each sequence carries its logits of every forward, also of those whose next row was given.</param>
    /// <param name="cancellationToken">Checked between layers and tokens.</param>
    /// <returns>The new tokens of each prompt.</returns>
    /// <exception cref="ApertureException">An option is out of range, or no prompt has room for a token.</exception>
    public IReadOnlyList<GeneratedSequence> Generate(
        IReadOnlyList<int[]> prompts, IReadOnlyList<VisualTokens?> images, GenerationOptions options, bool keepLogits, CancellationToken cancellationToken)
    {
        using IDisposable mode = inference_mode();
        Check(options.Validate(), prompts);
        PackedPrompt[] texts = [.. prompts.Select((ids, i) => Packing.Pack(model.Decoder, ids, LavinPacker.Placeholder, 1, images[i] is { } own ? [own] : []))];
        try
        {
            Run run = new(model, texts, options, keepLogits);
            run.All(images, table, Trace, MaxLength, cancellationToken);
            return run.Result();
        }
        finally
        {
            Array.ForEach(texts, text => text.Dispose());
        }
    }

    private static void Check(GenerationOptions options, IReadOnlyList<int[]> prompts)
    {
        if (prompts.Count == 0)
        {
            throw new ApertureException("There is no prompt to answer; give at least one.");
        }

        if (options.Beams > 1 || options.StopStrings.Count > 0)
        {
            throw new ApertureException("LaVIN's batches are generated without beams and stop strings; ask one question at a time for these.");
        }
    }

    // One batch from its prompts to its last token.
    private sealed class Run(Model model, PackedPrompt[] texts, GenerationOptions options, bool keepLogits)
    {
        private readonly LogitsPipeline _pipeline = new(options);
        private readonly List<int>[] _tokens = [.. texts.Select(_ => new List<int>())];
        private readonly FinishReason?[] _finished = new FinishReason?[texts.Length];
        private readonly List<float[]>[] _logits = [.. texts.Select(_ => new List<float[]>())];

        public void All(IReadOnlyList<VisualTokens?> images, HookTable? table, IDecoderTrace? trace, int maxLength, CancellationToken cancellationToken)
        {
            int shortest = texts.Min(text => text.Layout.Count), longest = texts.Max(text => text.Layout.Count);
            int total = Math.Min(maxLength, longest + options.MaxNewTokens);
            if (shortest >= total)
            {
                throw new ApertureException($"The shortest prompt has {shortest} tokens, which leaves none of {maxLength} for an answer; shorten the prompts.");
            }

            ulong seed = options.Seed ?? (ulong)Random.Shared.NextInt64();
            RandomStream[] random = [.. texts.Select((_, i) => new RandomStream(seed, i))];
            (Tensor rows, SequenceLayout[] layouts) = FirstRows(images, shortest);
            KvCache cache = new(model.Decoder.Info.Layers, texts.Length, total - shortest);
            using RequestContext request = new(model.Decoder.Info, layouts, table, trace, cache, [.. texts.Select(_ => shortest)]);
            NextLogits logits = Forward(request, DecoderPhase.Prefill, layouts, rows, cancellationToken);
            for (int position = shortest; ; position++)
            {
                int[] chosen;
                using (logits)
                {
                    chosen = [.. texts.Select((text, i) => Choose(i, position, logits.Row(i), random[i]))];
                }

                if (position == total - 1 || Array.TrueForAll(_finished, finish => finish is not null))
                {
                    break;
                }

                cancellationToken.ThrowIfCancellationRequested();
                request.Step++;
                layouts = [.. texts.Select((_, i) => SequenceLayout.Create(_oneRow, [request.NextPosition(i)]))];
                logits = Forward(request, DecoderPhase.Decode, layouts, NextRows(position, chosen), cancellationToken);
                for (int i = 0; i < texts.Length; i++)
                {
                    request.Advance(i, 1);
                }
            }
        }

        public IReadOnlyList<GeneratedSequence> Result()
            =>
            [
                .. texts.Select(
                    (_, i)
                        => new GeneratedSequence([.. _tokens[i]], _finished[i] ?? FinishReason.Length) { Prompt = i, Logits = keepLogits ? _logits[i] : null }),
            ];

        private (Tensor Rows, SequenceLayout[] Layouts) FirstRows(IReadOnlyList<VisualTokens?> images, int shortest)
        {
            using DisposeScope scope = NewDisposeScope();
            PackedPrompt[] whole = [.. texts.Select((text, i) => LavinPacker.WithModality(text, (LavinProjection)model.Projector, images[i] is not null))];
            int[] first = [.. Enumerable.Range(0, shortest + 1)];
            Tensor rows = cat([.. whole.Select(sequence => sequence.Rows.narrow(0, 0, shortest + 1))], 0);
            return ((whole.Length == 1 ? rows.clone() : rows).MoveToOuterDisposeScope(), [.. whole.Select(sequence => sequence.Layout.Keep(first))]);
        }

        // The next row of a prompt that goes on, else the embedding of the token chosen.
        private Tensor NextRows(int position, int[] chosen)
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor generated = model.Decoder.Embed(chosen);
            return cat([.. texts.Select((text, i) => position < text.Layout.Count ? text.Rows.narrow(0, position, 1) : generated.narrow(0, i, 1))], 0)
                .clone()
                .MoveToOuterDisposeScope();
        }

        private NextLogits Forward(RequestContext request, DecoderPhase phase, SequenceLayout[] layouts, Tensor rows, CancellationToken cancellationToken)
        {
            using ForwardState state = model.Decoder.Begin(request, phase, layouts);
            using Tensor output = model.Decoder.Run(state, rows, cancellationToken);
            return new NextLogits(model.Decoder.LastLogits(state, output), model.Decoder.Spec.VocabularySize);
        }

        private int Choose(int sequence, int position, Span<float> logits, RandomStream random)
        {
            if (keepLogits)
            {
                _logits[sequence].Add(logits.ToArray());
            }

            if (position < texts[sequence].Layout.Count)
            {
                return 0; // the prompt's own row goes on
            }

            List<int> tokens = _tokens[sequence];
            _pipeline.Process(logits, System.Runtime.InteropServices.CollectionsMarshal.AsSpan(tokens), tokens.Count);
            int token = options.Temperature > 0 ? TokenSampler.Draw(logits, random) : TokenSampler.Greedy(logits);
            if (_finished[sequence] is null)
            {
                tokens.Add(token);
                _finished[sequence] = options.EndOfSequence.Contains(token)
                    ? FinishReason.EndOfSequence
                    : tokens.Count == options.MaxNewTokens
                    ? FinishReason.Length
                    : null;
            }

            return token;
        }
    }
}

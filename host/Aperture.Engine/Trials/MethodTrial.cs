using System.Runtime;
using Aperture.Generation;
using Aperture.Images;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Plugins;
using Aperture.Requests;
using static TorchSharp.torch;

namespace Aperture.Trials;

/// <summary>
/// A method tried on a model: questions are asked through it, twice each, and what goes wrong is written down: exceptions, tensors left behind, places that
/// cannot be, a name that is not the factory's.
/// </summary>
/// <param name="Method">The method's name.</param>
/// <param name="Questions">How many questions were answered.</param>
/// <param name="Faults">What is wrong, a line each; empty if nothing.</param>
public sealed record MethodTrial(string Method, int Questions, IReadOnlyList<string> Faults)
{
    private const int NewTokens = 8;
    private const int WithoutCollection = 64 << 20;

    /// <summary>Tries a method. Tensors are counted for the whole process: nothing else may make any meanwhile.</summary>
    /// <param name="model">A pipeline over the model; its methods are left out.</param>
    /// <param name="method">The method and its options.</param>
    /// <param name="questions">The questions, each with its picture or null.</param>
    /// <param name="cancellationToken">Ends the trial.</param>
    public static MethodTrial Run(
        Pipeline model, MethodUse method, IReadOnlyList<(Image? Image, string Question)> questions, CancellationToken cancellationToken = default)
    {
        List<string> faults = [];
        using (Pipeline plain = model.Plain())
        {
            Ask(plain, questions, [], cancellationToken); // Makes what the model keeps from its first questions on.
        }

        long before = Settled();
        if (Misnamed(model, method, faults) is { } failed)
        {
            return new MethodTrial(method.Name, 0, [failed]);
        }

        using PlaceWatch watch = new();
        int answered;
        using (Pipeline tried = model.Plain().With(method).With(watch))
        {
            answered = Ask(tried, questions, faults, cancellationToken);
            if (answered == questions.Count)
            {
                long grown = Grown(() => answered += Ask(tried, questions, faults, cancellationToken));
                if (grown > 0)
                {
                    faults.Add($"{questions.Count} questions left {grown} tensor{(grown == 1 ? "" : "s")} behind; dispose what its hooks make");
                }
            }
        }

        faults.AddRange(watch.Faults);
        long left = Tensor.TotalCount - before;
        if (faults.Count == 0 && left > 0)
        {
            faults.Add($"disposing it leaves {left} tensor{(left == 1 ? "" : "s")} behind; free in Dispose what it made");
        }

        return new MethodTrial(method.Name, answered, [.. faults.Distinct()]);
    }

    // Makes the method once, to see what it calls itself; gives what making it threw.
    private static string? Misnamed(Pipeline model, MethodUse method, List<string> faults)
    {
        try
        {
            using LeasedMethod made = model.Session.Plugins.Create(method.Name, method.Options, model.Model.Decoder.Info, new MethodFiles(model.Model));
            if (!string.Equals(made.Method.Name, method.Name, StringComparison.OrdinalIgnoreCase))
            {
                faults.Add($"it calls itself '{made.Method.Name}', its factory '{method.Name}'; tables and refusals would show the one, users write the other");
            }

            return null;
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            return $"making it: {Describe(error)}";
        }
    }

    private static int Ask(
        Pipeline pipeline, IReadOnlyList<(Image? Image, string Question)> questions, List<string> faults, CancellationToken cancellationToken)
    {
        int answered = 0;
        foreach ((Image? image, string question) in questions)
        {
            try
            {
                pipeline.AskNow(
                    PromptRequest.Of(question, image is null ? [] : [image]), new GenerationOptions { MaxNewTokens = NewTokens }, null, cancellationToken);
                answered++;
            }
            catch (Exception error) when (error is not OperationCanceledException)
            {
                faults.Add($"{(image is null ? "a question without a picture" : "a question")}: {Describe(error)}");
            }
        }

        return answered;
    }

    // A collection meanwhile would free tensors that were forgotten and hide them.
    private static long Grown(Action questions)
    {
        long before = Settled();
        bool held = GC.TryStartNoGCRegion(WithoutCollection);
        try
        {
            questions();
            return Tensor.TotalCount - before;
        }
        finally
        {
            if (held && GCSettings.LatencyMode == GCLatencyMode.NoGCRegion)
            {
                GC.EndNoGCRegion();
            }
        }
    }

    private static long Settled()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return Tensor.TotalCount;
    }

    // What was thrown, and where in the code of the method.
    private static string Describe(Exception error)
    {
        Exception inner = error;
        while (inner.InnerException is { } cause)
        {
            inner = cause;
        }

        string message = (error is ApertureException ? error.Message : $"{error.GetType().Name}: {error.Message}").Split('\n')[0].TrimEnd('.', ' ', '\r');
        string? site = inner is ApertureException ? null : (inner.StackTrace ?? "").Split('\n').Select(line => line.Trim())
            .FirstOrDefault(line => line.StartsWith("at ", StringComparison.Ordinal) && !IsLibrary(line));
        return site is null ? message : $"{message} ({site})";
    }

    private static bool IsLibrary(string frame)
        => frame.StartsWith("at System.", StringComparison.Ordinal) || frame.StartsWith("at TorchSharp.", StringComparison.Ordinal);
}

using System.Text.Json;
using Aperture.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Diffusion;

/// <summary>How much noise a model was trained with at each time: what a scheduler's file holds. The defaults are Stable Diffusion 1's.</summary>
public sealed record NoiseSchedule
{
    private const string Noise = "epsilon", Velocity = "v_prediction"; // diffusers' words

    private const int MostSteps = 100_000;
    private const double LargestBeta = 0.999; // of the cosine schedule

    private readonly Lazy<float[]> _kept;

    /// <summary>Stable Diffusion 1's schedule.</summary>
    public NoiseSchedule() => _kept = new Lazy<float[]>(Compute);

    private NoiseSchedule(NoiseSchedule other)
    {
        (Name, FirstBeta, LastBeta, Steps, TrainedBetas) = (other.Name, other.FirstBeta, other.LastBeta, other.Steps, other.TrainedBetas);
        (EndsWithOne, Offset, ClipsSample, SkipsRungeKutta) = (other.EndsWithOne, other.Offset, other.ClipsSample, other.SkipsRungeKutta);
        PredictsVelocity = other.PredictsVelocity;
        _kept = new Lazy<float[]>(Compute);
    }

    /// <summary><c>linear</c>, <c>scaled_linear</c> (linear in the square roots) or <c>squaredcos_cap_v2</c>.</summary>
    public string Name { get; init; } = "scaled_linear";

    /// <summary>Variance added in the first step.</summary>
    public double FirstBeta { get; init; } = 0.00085;

    /// <summary>Variance added in the last step.</summary>
    public double LastBeta { get; init; } = 0.012;

    /// <summary>Steps of training.</summary>
    public int Steps { get; init; } = 1000;

    /// <summary>Variances step by step instead of a rule; null for none.</summary>
    public IReadOnlyList<float>? TrainedBetas { get; init; }

    /// <summary>Whether the step behind the first time keeps all of the signal; else it keeps what the first time does.</summary>
    public bool EndsWithOne { get; init; }

    /// <summary>Added to whole times.</summary>
    public int Offset { get; init; } = 1;

    /// <summary>Whether the predicted picture is clipped at -1 and 1 (DDIM).</summary>
    public bool ClipsSample { get; init; }

    /// <summary>Whether the first steps do without Runge-Kutta (PNDM).</summary>
    public bool SkipsRungeKutta { get; init; } = true;

    /// <summary>
    /// Whether the model predicts the velocity <c>sqrt(kept) noise - sqrt(1 - kept) signal</c> (arXiv 2202.00512, appendix D) rather than the noise.
    /// </summary>
    public bool PredictsVelocity { get; init; }

    /// <summary>The share of the signal's variance that is left at each time (alpha bar), float32 <c>[Steps]</c>.</summary>
    public IReadOnlyList<float> Kept => _kept.Value;

    /// <summary>Reads a scheduler's file. Absent keys take the values of diffusers' class for keys of the file's kind.</summary>
    /// <param name="json">The object.</param>
    /// <param name="where">File name for messages.</param>
    /// <exception cref="ApertureException">A value has the wrong type or range, or asks for what is not supported.</exception>
    public static NoiseSchedule Parse(JsonElement json, string where)
    {
        ConfigReader config = new(json, where);
        NoiseSchedule defaults = new();
        if (config.Text("prediction_type", Noise) is var predicts && predicts is not (Noise or Velocity))
        {
            throw new ApertureException(
                $"{where}: prediction_type '{predicts}' is not supported; use a model that predicts noise ({Noise}) or velocity ({Velocity}).");
        }

        NoiseSchedule parsed = new()
        {
            Name = config.Text("beta_schedule", defaults.Name)!,
            FirstBeta = config.Number("beta_start", defaults.FirstBeta),
            LastBeta = config.Number("beta_end", defaults.LastBeta),
            Steps = config.Size("num_train_timesteps", defaults.Steps, minimum: 2),
            TrainedBetas = Betas(config),
            EndsWithOne = config.Flag("set_alpha_to_one", false),
            Offset = config.Size("steps_offset", 0, minimum: 0),
            ClipsSample = config.Flag("clip_sample", false),
            SkipsRungeKutta = config.Flag("skip_prk_steps", true),
            PredictsVelocity = predicts == Velocity,
        };
        return parsed.Checked(where);
    }

    /// <summary>Deviation of the noise beside a signal that is not scaled down, at a time; between whole times on the straight line.</summary>
    internal double LevelAt(double time)
    {
        double Level(int whole) => MathF.Sqrt((1 - Kept[whole]) / Kept[whole]);
        int low = Math.Min((int)time, Steps - 2);
        double from = Level(low), slope = Level(low + 1) - from;
        return (slope * (time - low)) + from;
    }

    private static float[]? Betas(ConfigReader config)
        => !config.Has("trained_betas") ? null
            : config.Root.GetProperty("trained_betas") is { ValueKind: JsonValueKind.Array } list && list.GetArrayLength() is > 1 and <= MostSteps
                && list.EnumerateArray().All(item => item.ValueKind == JsonValueKind.Number)
                ? [.. list.EnumerateArray().Select(item => item.GetSingle())]
                : throw config.Bad("trained_betas", config.Root.GetProperty("trained_betas"), $"a list of 2 to {MostSteps} numbers");

    private NoiseSchedule Checked(string where)
    {
        if (Name is not ("linear" or "scaled_linear" or "squaredcos_cap_v2"))
        {
            throw new ApertureException($"{where}: beta_schedule '{Name}' is not known; use linear, scaled_linear or squaredcos_cap_v2.");
        }

        bool inside = TrainedBetas?.All(beta => beta is > 0 and < 1) ?? (FirstBeta > 0 && LastBeta > 0 && FirstBeta < 1 && LastBeta < 1);
        return !inside || Steps > MostSteps
            ? throw new ApertureException(
                $"{where}: betas from {FirstBeta} to {LastBeta} in {Steps} steps; they lie between 0 and 1, in at most {MostSteps} steps.")
            : TrainedBetas is null ? this : this with { Steps = TrainedBetas.Count };
    }

    private float[] Compute()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor betas = TrainedBetas is { } trained ? tensor(trained.ToArray())
            : Name == "linear" ? linspace(FirstBeta, LastBeta, Steps, dtype: ScalarType.Float32)
            : Name == "scaled_linear" ? linspace(Math.Sqrt(FirstBeta), Math.Sqrt(LastBeta), Steps, dtype: ScalarType.Float32).pow(2)
            : tensor([.. Enumerable.Range(0, Steps).Select(Cosine)]);
        return betas.neg().add(1).cumprod(0).data<float>().ToArray();
    }

    private float Cosine(int step)
    {
        double Bar(int at) => Math.Pow(Math.Cos((((double)at / Steps) + 0.008) / 1.008 * Math.PI / 2), 2);
        return (float)Math.Min(1 - (Bar(step + 1) / Bar(step)), LargestBeta);
    }
}

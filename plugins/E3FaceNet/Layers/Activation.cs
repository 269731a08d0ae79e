using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Plugins.E3FaceNet.Layers;

/// <summary>Activations with the gains that keep the variance of their input: bias, function, gain, clamp, in this order.</summary>
internal static class Activation
{
    /// <summary>The slope of the network's leaky activation below zero.</summary>
    public const double Slope = 0.2;

    /// <summary>Its gain.</summary>
    public static readonly double Gain = Math.Sqrt(2);

    /// <summary>Adds a bias along dimension 1 and applies an activation by name.</summary>
    /// <param name="x"><c>[N, C, …]</c>; borrowed.</param>
    /// <param name="bias"><c>[C]</c>; null for none.</param>
    /// <param name="name">linear, relu, lrelu, tanh, sigmoid, elu, selu, softplus or swish.</param>
    /// <param name="slope">Slope of lrelu below zero; null for <see cref="Slope"/>.</param>
    /// <param name="gain">Factor behind it; null for the activation's own.</param>
    /// <param name="clamp">Largest absolute value; null for no limit.</param>
    /// <returns>The result; the caller disposes it.</returns>
    public static Tensor Run(Tensor x, Tensor? bias, string name, double? slope = null, double? gain = null, double? clamp = null)
    {
        using DisposeScope scope = NewDisposeScope();
        long[] along = [.. Enumerable.Range(0, (int)x.dim()).Select(dimension => dimension == 1 ? -1L : 1L)];
        Tensor biased = bias is null ? x : x.add(bias.reshape(along));
        Tensor y = name switch
        {
            "linear" => biased.alias(),
            "relu" => biased.relu(),
            "lrelu" => F.leaky_relu(biased, slope ?? Slope),
            "tanh" => biased.tanh(),
            "sigmoid" => biased.sigmoid(),
            "elu" => F.elu(biased, 1),
            "selu" => F.selu(biased),
            "softplus" => F.softplus(biased),
            "swish" => biased.sigmoid().mul(biased),
            _ => throw new ArgumentException($"There is no activation '{name}'.", nameof(name)),
        };
        y = y.mul(gain ?? (name is "relu" or "lrelu" or "swish" ? Gain : 1));
        return (clamp is { } most ? y.clamp(-most, most) : y).MoveToOuterDisposeScope();
    }

    /// <summary>The leaky activation of values that have their bias already, and its gain.</summary>
    /// <param name="x">Values; owned, and changed in place where no gradient is wanted.</param>
    /// <param name="clamp">Largest absolute value; null for no limit.</param>
    /// <returns>The result; the caller disposes it.</returns>
    public static Tensor Leaky(Tensor x, double? clamp = null)
    {
        if (!x.requires_grad)
        {
            x.leaky_relu_(Slope);
            x.mul_(Gain);
            return clamp is { } limit ? x.clamp_(-limit, limit) : x;
        }

        using Tensor before = x;
        using Tensor bent = F.leaky_relu(before, Slope);
        Tensor y = bent.mul(Gain);
        if (clamp is not { } most)
        {
            return y;
        }

        using Tensor unbounded = y;
        return unbounded.clamp(-most, most);
    }
}

namespace Aperture.Kernels;

/// <summary>A weight matrix of small integers as the managed product reads it. What it gives is exact, whatever its instructions.</summary>
internal unsafe interface ICodeKernel
{
    /// <summary>Bytes of a prepared row of activations.</summary>
    int PreparedBytes { get; }

    /// <summary>Writes a row of activations in the form that the sums read.</summary>
    /// <param name="codes">The row's codes.</param>
    /// <param name="target">Gets <see cref="PreparedBytes"/>.</param>
    void Prepare(sbyte* codes, byte* target);

    /// <summary>The sum of an output's weights times a prepared row.</summary>
    int One(int output, byte* row);

    /// <summary>The sums of an output's weights times four prepared rows, which lie one after the other.</summary>
    void Four(int output, byte* rows, int* sums);

    /// <summary>A single weight.</summary>
    int Code(int output, int column);
}
